/** Runs one task at a time for each key, in the order of the calls; tasks of different keys run concurrently. A failure
 *  rejects only the promise of its own task. A task may pass its turn before it settles. */
export class KeyedQueue {
  readonly #last = new Map<string, Promise<unknown>>();

  /** The number of keys with unfinished tasks. */
  get size(): number {
    return this.#last.size;
  }

  async run<T>(key: string, work: (pass: () => void) => Promise<T>): Promise<T> {
    const before = this.#last.get(key);
    let pass = () => {};
    const passed = new Promise<void>((resolve) => (pass = resolve));
    this.#last.set(key, passed);
    try {
      if (before !== undefined) await before;
      return await work(pass);
    } finally {
      pass();
      if (this.#last.get(key) === passed) this.#last.delete(key);
    }
  }
}
