/** Runs one task at a time for each key, in the order of the calls; tasks of different keys run concurrently. A failure
 *  rejects only the promise of its own task. */
export class KeyedQueue {
  readonly #last = new Map<string, Promise<unknown>>();

  /** The number of keys with unfinished tasks. */
  get size(): number {
    return this.#last.size;
  }

  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key);
    const running = before === undefined ? work() : before.then(work);
    const settled = running.catch(() => undefined);
    this.#last.set(key, settled);
    try {
      return await running;
    } finally {
      if (this.#last.get(key) === settled) this.#last.delete(key);
    }
  }
}
