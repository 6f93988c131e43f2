/** Time, as queues with a time to live see it. A test hands in its own. */
export interface MemoryClock {
  /** Milliseconds. */
  now(): number;
  /** Runs once, after so many milliseconds. Returns the way to call it off. */
  after(milliseconds: number, run: () => void): () => void;
}

export const realClock: MemoryClock = {
  now: () => performance.now(),
  after(milliseconds, run) {
    const timer = setTimeout(run, milliseconds);
    return () => clearTimeout(timer);
  },
};
