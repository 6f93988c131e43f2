/** Tells listeners of new events: of this process's commits at once, of other processes' within the poll interval,
 *  which runs only while somebody listens and keeps no process alive. */
export class AppendWatch {
  readonly #listeners = new Set<() => void>();
  #timer: NodeJS.Timeout | undefined;
  #head: number;

  constructor(
    private readonly head: () => number,
    /** Looks whether others have committed, and if so calls `othersCommitted`. */
    private readonly look: () => void,
    private readonly interval: number,
  ) {
    this.#head = head();
  }

  listen(listener: () => void): () => void {
    const entry = () => {
      listener();
    };
    this.#listeners.add(entry);
    this.#timer ??= setInterval(this.look, this.interval).unref();
    return () => {
      this.#listeners.delete(entry);
      if (this.#listeners.size === 0) this.stop();
    };
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Another process has committed something, not necessarily events. */
  othersCommitted(): void {
    if (this.#listeners.size === 0) return;
    const head = this.head();
    if (head === this.#head) return;
    this.#head = head;
    this.appended();
  }

  /** A listener that throws is a defect of its own, and must not end the loop that calls this. */
  appended(): void {
    for (const listener of this.#listeners) queueMicrotask(listener);
  }
}
