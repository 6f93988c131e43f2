import { randomInt } from 'node:crypto';
import { generator } from '../../../src/testing/simulation/seeded.js';

/** Chances that come out the same again for the same seed. */
export interface Random {
  /** From 0 up to, but without, 1. */
  next: () => number;
  /** A whole number from `from` to `to`, both included. */
  between: (from: number, to: number) => number;
  pick: <T>(choices: readonly [T, ...T[]]) => T;
  /** True with this probability. */
  chance: (probability: number) => boolean;
}

/** What CHAOS_SEED says, else a seed of its own; printed, so that a run that failed can be had again. */
export function seedOf(given: string | undefined): number {
  return given === undefined || given === '' ? randomInt(2 ** 31) : Number(given) >>> 0;
}

/** Good enough to choose what to kill. */
export function randomFrom(seed: number): Random {
  const next = generator(seed);
  return {
    next,
    between: (from, to) => from + Math.floor(next() * (to - from + 1)),
    pick: (choices) => choices[Math.floor(next() * choices.length)] ?? choices[0],
    chance: (probability) => next() < probability,
  };
}
