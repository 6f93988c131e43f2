/** Milliseconds from a hint to the first look, and from there to the next: the log is written before its fsync, and the
 *  commit can be seen after it. */
const POLL_DELAYS_AFTER_HINT_MS = [1, 2, 4, 8, 16];

export interface AppendWatchOptions {
  head: () => number;
  /** Looks whether others have committed, and if so calls `othersCommitted`. */
  look: () => void;
  /** Milliseconds between looks when there is no hint. */
  interval: number;
  /** Calls back when others may be committing; returns the way to stop it. */
  hints: (onHint: () => void) => () => void;
}

/** Tells listeners of new events: of this process's commits at once, of other processes' soon after a hint, and without
 *  one within the poll interval. Looks only while somebody listens, and keeps no process alive. */
export class AppendWatch {
  readonly #listeners = new Set<() => void>();
  #stopLooking: (() => void) | undefined;
  #soon: NodeJS.Timeout | undefined;
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
    this.#stopLooking ??= this.#startLooking();
    return () => {
      this.#listeners.delete(entry);
      if (this.#listeners.size === 0) this.stop();
    };
  }

  stop(): void {
    this.#stopLooking?.();
    this.#stopLooking = undefined;
  }

  /** Another process has committed something, not necessarily events. */
  othersCommitted(): void {
    if (this.#listeners.size === 0) return;
    const head = this.options.head();
    if (head === this.#head) return;
    this.#head = head;
    this.appended();
  }

  /** A listener that throws is a defect of its own, and must not end the loop that calls this. */
  appended(): void {
    for (const listener of this.#listeners) queueMicrotask(listener);
  }

  #startLooking(): () => void {
    const { look, interval, hints } = this.options;
    const timer = setInterval(look, interval).unref();
    const stopHints = hints(() => {
      this.#hinted = true;
      if (this.#soon === undefined) this.#lookSoon();
    });
    return () => {
      stopHints();
      clearInterval(timer);
      clearTimeout(this.#soon);
      this.#soon = undefined;
    };
  }

  /** One series of looks at a time: the hints of a busy time, most of them of this process's own commits, share it. */
  #lookSoon(step = 0): void {
    if (step === 0) this.#hinted = false;
    const delay = POLL_DELAYS_AFTER_HINT_MS[step];
    if (delay !== undefined) {
      this.#soon = setTimeout(() => {
        this.options.look();
        this.#lookSoon(step + 1);
      }, delay).unref();
    } else {
      this.#soon = undefined;
      if (this.#hinted) this.#lookSoon();
    }
  }
}
