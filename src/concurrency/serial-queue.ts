/** Runs one piece of work at a time, in the order of the calls. A failure rejects its own promise only. */
export class SerialQueue {
  #last: Promise<unknown> = Promise.resolve();

  run<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** Resolves when all work that is queued now has settled. */
  async settled(): Promise<void> {
    await this.#last;
  }
}
