/** Milliseconds from a hint to the first poll, and between the next ones: the log is written before its fsync, and
 *  the commit is visible only after it. */
const POLL_DELAYS_AFTER_HINT_MS = [1, 2, 4, 8, 16];

export interface AppendWatchOptions {
  head: () => number;
  /** Checks for commits of other processes; calls `othersCommitted` if it finds any. */
  poll: () => void;
  /** Milliseconds between polls without a hint. */
  interval: number;
  /** Registers a callback for possible commits of other processes; returns a function that unregisters it. */
  hints: (onHint: () => void) => () => void;
}

/** Notifies listeners of new events: of this process's commits immediately, of other processes' shortly after a
 *  hint, or within the poll interval. Polls only while there are listeners, and does not keep the process alive. */
export class AppendWatch {
  readonly #listeners = new Set<() => void>();
  #stopPolling: (() => void) | undefined;
  #pollTimer: NodeJS.Timeout | undefined;
  #hinted = false;
  #head: number;

  constructor(private readonly options: AppendWatchOptions) {
    this.#head = options.head();
  }

  listen(listener: () => void): () => void {
    const entry = () => {
      listener();
    };
    this.#listeners.add(entry);
    this.#stopPolling ??= this.#startPolling();
    return () => {
      this.#listeners.delete(entry);
      if (this.#listeners.size === 0) this.stop();
    };
  }

  stop(): void {
    this.#stopPolling?.();
    this.#stopPolling = undefined;
  }

  /** Called after another process has committed, possibly without events. */
  othersCommitted(): void {
    if (this.#listeners.size === 0) return;
    const head = this.options.head();
    if (head === this.#head) return;
    this.#head = head;
    this.appended();
  }

  /** Notifies each listener in a separate microtask, so that an exception in one cannot end the calling loop. */
  appended(): void {
    for (const listener of this.#listeners) queueMicrotask(listener);
  }

  #startPolling(): () => void {
    const { poll: look, interval, hints } = this.options;
    const timer = setInterval(look, interval).unref();
    const stopHints = hints(() => {
      this.#hinted = true;
      if (this.#pollTimer === undefined) this.#pollSoon();
    });
    return () => {
      stopHints();
      clearInterval(timer);
      clearTimeout(this.#pollTimer);
      this.#pollTimer = undefined;
    };
  }

  /** Runs one series of polls at a time: under load, most hints come from this process's own commits. */
  #pollSoon(step = 0): void {
    if (step === 0) this.#hinted = false;
    const delay = POLL_DELAYS_AFTER_HINT_MS[step];
    if (delay !== undefined) {
      this.#pollTimer = setTimeout(() => {
        this.options.poll();
        this.#pollSoon(step + 1);
      }, delay).unref();
    } else {
      this.#pollTimer = undefined;
      if (this.#hinted) this.#pollSoon();
    }
  }
}
