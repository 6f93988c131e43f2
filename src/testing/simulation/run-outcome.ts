import type { DeadLetterFacts } from '../../dead-letters/dead-letter.js';
import type { Fault } from './faults.js';
import type { Counts } from './run-state.js';

export interface Attempt<Input = undefined> {
  seed: number;
  /** The faults that are injected. @default none */
  faults?: readonly Fault[];
  /** @default generated from `inputs` by the seed */
  input?: Input;
}

export interface RunResult {
  /** The events of the run, one line each. */
  trace: readonly string[];
  /** Duration of the run in milliseconds of virtual time. */
  virtualTime: number;
  /** How many deliveries, commits, calls and copies there were. */
  counts: Readonly<Counts>;
  /** Faults that did not happen, because their opportunity did not come. */
  unusedFaults: readonly Fault[];
  deadLetters: readonly DeadLetterFacts[];
}

/** The outcome of a run; with `error` where a guarantee does not hold. */
export type RunOutcome<Input> = RunResult & { seed: number; faults: readonly Fault[]; input: Input; error?: unknown };
