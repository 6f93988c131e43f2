/** Runs one task at a time, in the order of the calls. A failure rejects only the promise of its own task. */
export class SerialQueue {
  #last: Promise<unknown> = Promise.resolve();

  run<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** Resolves when all tasks queued so far have settled. */
  async settled(): Promise<void> {
    await this.#last;
  }
}
