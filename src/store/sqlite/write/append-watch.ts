/** Milliseconds from a hint to the first poll, and between the next ones: another process has written to the log, but
 *  may not have ended its commit. */
const POLL_DELAYS_AFTER_HINT_MS = [1, 4, 16, 64];
/** A hint starts the delays again where the next one is longer. */
const SHORT_DELAYS = 3;
/** Milliseconds from a hint of this process's own commit to a poll: a commit of another process at the same time has no
 *  hint of its own. */
const POLL_DELAY_AFTER_OWN_MS = 20;
/** While the system reports commits, polls without a hint are only a safety net and so many times rarer. */
const SAFETY_FACTOR = 20;

export interface AppendWatchOptions {
  /** Returns a value that changes with every new event and timer. */
  mark: () => string;
  /** Checks for commits of other processes; calls `othersCommitted` if it finds any. */
  poll: () => void;
  /** Milliseconds between polls if the system reports no commits. */
  interval: number;
  /** Registers a callback for possible commits of other processes, and one for the end of these reports; returns a
   *  function that unregisters them. */
  hints: (onHint: () => void, onEnd: () => void) => () => void;
}

/** Notifies listeners of new events and timers: of this process's commits immediately, of other processes' shortly after
 *  a hint, or within the poll interval. Polls only while there are listeners, and does not keep the process alive. */
export class AppendWatch {
  readonly #listeners = new Set<() => void>();
  #stopPolling: (() => void) | undefined;
  #pollTimer: NodeJS.Timeout | undefined;
  #step = 0;
  #hinted = false;
  /** Whether this process has committed since the last hint. */
  #committed = false;
  #mark: string;

  constructor(private readonly options: AppendWatchOptions) {
    this.#mark = options.mark();
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

  /** Called after this process has committed. */
  committed(): void {
    this.#committed = true;
  }

  /** Called after another process has committed, possibly without events. */
  othersCommitted(): void {
    if (this.#listeners.size === 0) return;
    const mark = this.options.mark();
    if (mark === this.#mark) return;
    this.#mark = mark;
    this.appended();
  }

  /** Notifies each listener in a separate microtask, so that an exception in one cannot end the calling loop. */
  appended(): void {
    for (const listener of this.#listeners) queueMicrotask(listener);
  }

  #startPolling(): () => void {
    const { poll, interval, hints } = this.options;
    let timer = setInterval(poll, interval * SAFETY_FACTOR).unref();
    const onHint = () => {
      const isOwn = this.#committed;
      this.#committed = false;
      if (isOwn && this.#pollTimer !== undefined) return;
      if (isOwn) this.#pollOnce();
      else this.#pollAfterHint();
    };
    const onEnd = () => {
      clearInterval(timer);
      timer = setInterval(poll, interval).unref();
    };
    const stopHints = hints(onHint, onEnd);
    return () => {
      stopHints();
      clearInterval(timer);
      clearTimeout(this.#pollTimer);
      this.#pollTimer = undefined;
    };
  }

  #pollOnce(): void {
    this.#step = Infinity;
    this.#pollTimer = setTimeout(() => {
      this.#pollTimer = undefined;
      this.options.poll();
    }, POLL_DELAY_AFTER_OWN_MS).unref();
  }

  #pollAfterHint(): void {
    this.#hinted = true;
    if (this.#pollTimer !== undefined && this.#step < SHORT_DELAYS) return;
    clearTimeout(this.#pollTimer);
    this.#pollSoon();
  }

  /** Runs one series of polls at a time: hints of a busy process arrive faster than the series ends. */
  #pollSoon(step = 0): void {
    if (step === 0) this.#hinted = false;
    if (step >= SHORT_DELAYS && this.#hinted) {
      this.#pollSoon();
      return;
    }
    this.#step = step;
    const delay = POLL_DELAYS_AFTER_HINT_MS[step];
    if (delay === undefined) {
      this.#pollTimer = undefined;
      return;
    }
    this.#pollTimer = setTimeout(() => {
      this.options.poll();
      this.#pollSoon(step + 1);
    }, delay).unref();
  }
}
