/** Lets work with the same key run one after the other, in the order in which it came; work with other keys at once.
 *  Holds nothing for a key that nobody works under. */
export class KeyQueue {
  readonly #last = new Map<string, Promise<unknown>>();

  get size(): number {
    return this.#last.size;
  }

  /** Settles as `work` does, once everything before it has settled. */
  run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key);
    const turn = before === undefined ? work() : before.then(work);
    const settled = turn
      .then(
        () => undefined,
        () => undefined, // the caller of that turn hears of it
      )
      .then(() => {
        if (this.#last.get(key) === settled) this.#last.delete(key);
      });
    this.#last.set(key, settled);
    return turn;
  }
}
