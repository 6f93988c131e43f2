import { randomInt } from 'node:crypto';

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

/** mulberry32: small, and good enough to choose what to kill. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    next,
    between: (from, to) => from + Math.floor(next() * (to - from + 1)),
    pick: (choices) => choices[Math.floor(next() * choices.length)] ?? choices[0],
    chance: (probability) => next() < probability,
  };
}
