/** Tests of workers and aggregates with a real store and a broker in memory.
 *  @module flotilla/testing */

export { spec, type Expected, type Given, type Spec } from './decider-spec.js';
export { harness, type HarnessResult, type Scenario } from './harness/harness.js';
export type { ExpectedEvent, ExpectedSchedule, ScheduledEvent, SeenEvent, TestEvent } from './harness/events.js';
export type { HarnessOptions } from './harness/harness-run.js';
export {
  windowsHarness,
  type WindowsHarnessResult,
  type WindowsScenario,
  type WindowsTestEvent,
  type WindowsTestResult,
} from './harness/windows-harness.js';
export { createMemoryBroker } from '../broker/memory/broker.js';
