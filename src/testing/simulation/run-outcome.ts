import type { DeadLetterFacts } from '../../dead-letters/dead-letter.js';
import type { Fault } from './faults.js';
import type { Counts } from './run-state.js';

export interface Attempt<Input = undefined> {
  seed: number;
  /** Of several runs of one seed, the one with these. @default none */
  faults?: readonly Fault[];
  /** @default what the seed makes of `inputs` */
  input?: Input;
}

export interface RunResult {
  /** What happened, a line each. */
  trace: readonly string[];
  /** Milliseconds from the beginning to the end. */
  virtualTime: number;
  /** How many there were of what faults count. */
  counts: Readonly<Counts>;
  /** Faults that never came to pass. */
  unusedFaults: readonly Fault[];
  deadLetters: readonly DeadLetterFacts[];
}

/** What became of a run: `error` where a promise is broken. */
export type RunOutcome<Input> = RunResult & { seed: number; faults: readonly Fault[]; input: Input; error?: unknown };
