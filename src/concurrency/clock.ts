import { alignedInterval } from './aligned-interval.js';

/** Runs `work` once, after a number of milliseconds. Returns a function that cancels it. */
export type StartTimer = (milliseconds: number, work: () => void) => () => void;

/** The source of time for a component. Tests and simulations inject their own. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now: () => number;
  /** Milliseconds of a monotonic clock, for durations: unlike `now`, it does not jump when the system time is set. */
  elapsed: () => number;
  after: StartTimer;
  /** Runs `work` at an interval in milliseconds, for the first time within one interval, until it is cancelled. Keeps neither a
   *  process nor a simulation running. */
  every: StartTimer;
}

/** The clock of the system. */
export const systemClock: Clock = {
  now: Date.now,
  elapsed: () => performance.now(),
  after: (milliseconds, work) => {
    const timer = setTimeout(work, milliseconds);
    return () => clearTimeout(timer);
  },
  every: alignedInterval,
};
