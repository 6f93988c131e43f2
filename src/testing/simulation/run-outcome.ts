import type { DeadLetterFacts } from '../../dead-letters/dead-letter.js';
import type { Fault } from './faults.js';
import type { Counts } from './run-state.js';

/** The seed, the faults and the input that determine a run. */
export interface Attempt<Input = undefined> {
  seed: number;
  /** The faults to inject. @default none */
  faults?: readonly Fault[];
  /** @default generated from `inputs` by the seed */
  input?: Input;
}

/** The result of a run. */
export interface RunResult {
  /** The events of the run, one line each. */
  trace: readonly string[];
  /** Duration of the run in milliseconds of virtual time. */
  virtualTime: number;
  /** The numbers of deliveries, commits, calls and copies. */
  counts: Readonly<Counts>;
  /** Faults that did not happen, because no opportunity arose. */
  unusedFaults: readonly Fault[];
  deadLetters: readonly DeadLetterFacts[];
}

/** The outcome of a run; with `error` if a guarantee does not hold. */
export type RunOutcome<Input> = RunResult & { seed: number; faults: readonly Fault[]; input: Input; error?: unknown };
