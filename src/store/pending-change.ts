/** A submitted change of a store, whose commit is not known yet. Others can wait for it, or depend on it. */
export class PendingChange {
  #isCommitted: boolean | undefined;
  #listeners: ((isCommitted: boolean) => void)[] = [];

  /** Whether it is committed: later reads and transactions of every process see it, and become durable only together with
   *  it. It may not be durable yet. False: it is rolled back. Undefined: not known yet. */
  get isCommitted(): boolean | undefined {
    return this.#isCommitted;
  }

  /** Whether anybody waits for its commit. */
  get isAwaited(): boolean {
    return this.#listeners.length > 0;
  }

  /** Resolves with `isCommitted` once it is known. */
  async committed(): Promise<boolean> {
    return this.#isCommitted ?? new Promise((resolve) => this.#listeners.push(resolve));
  }

  /** Called by the store. Only the first call counts. */
  settle(isCommitted: boolean): void {
    this.#isCommitted ??= isCommitted;
    for (const listener of this.#listeners.splice(0)) listener(this.#isCommitted);
  }
}
