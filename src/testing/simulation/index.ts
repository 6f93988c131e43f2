/** Simulations of a fleet with faults, in virtual time.
 *  @module flotilla/simulation */

export { simulation, type Simulation, type SimulationOptions, type World } from './simulation.js';
export type { Attempt, RunOutcome, RunResult } from './run-outcome.js';
export { explore, type Explored, type ExploreOptions } from './explore/explore.js';
export type { Run } from './run.js';
export type { CallOutcome, Fault, FaultKind } from './faults.js';
