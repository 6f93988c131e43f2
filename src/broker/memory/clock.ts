/** Time, as queues with a time to live and streams that are read from a time on see it. A test hands in its own. */
export interface MemoryClock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Runs once, after so many milliseconds. Returns the way to call it off. */
  after(milliseconds: number, run: () => void): () => void;
}

export const realClock: MemoryClock = {
  now: Date.now,
  after(milliseconds, run) {
    const timer = setTimeout(run, milliseconds);
    return () => clearTimeout(timer);
  },
};
