import { randomInt } from 'node:crypto';
import { generator } from '../../../src/testing/simulation/seeded.js';

/** Random values that are reproducible by their seed. */
export interface Random {
  /** From 0 (included) to 1 (excluded). */
  next: () => number;
  /** An integer from `from` to `to`, both included. */
  between: (from: number, to: number) => number;
  pick: <T>(choices: readonly [T, ...T[]]) => T;
  /** True with this probability. */
  chance: (probability: number) => boolean;
}

/** CHAOS_SEED or a random seed; printed, so that a failed run can be repeated. */
export function seedOf(given: string | undefined): number {
  return given === undefined || given === '' ? randomInt(2 ** 31) : Number(given) >>> 0;
}

/** Sufficient for choosing targets. */
export function randomFrom(seed: number): Random {
  const next = generator(seed);
  return {
    next,
    between: (from, to) => from + Math.floor(next() * (to - from + 1)),
    pick: (choices) => choices[Math.floor(next() * choices.length)] ?? choices[0],
    chance: (probability) => next() < probability,
  };
}
