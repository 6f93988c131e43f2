export { spec, type Expected, type Given, type Spec } from './decider-spec.js';
export {
  harness,
  type ExpectedSchedule,
  type HarnessOptions,
  type HarnessResult,
  type ScheduledEvent,
  type Scenario,
  type SeenEvent,
  type TestEvent,
} from './harness/harness.js';
export { createMemoryBroker } from '../broker/memory/index.js';
export {
  simulation,
  type Attempt,
  type Outcome,
  type Result,
  type Simulation,
  type SimulationOptions,
  type World,
} from './simulation/simulation.js';
export { explore, type Explored, type ExploreOptions } from './simulation/explore.js';
export type { Run } from './simulation/run.js';
export type { CallOutcome, Fault, FaultKind } from './simulation/faults.js';
