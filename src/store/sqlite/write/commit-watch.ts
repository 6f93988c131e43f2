import { Listeners } from '../../listeners.js';

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

/** The topic of new events and timers. */
export const APPENDS = '';

export interface CommitWatchOptions {
  /** Returns a value that changes with every new event and timer. */
  mark: () => string;
  /** Returns how often the topic was notified by `Tx.notify`. */
  notices: (topic: string) => number;
  /** Checks for commits of other processes; calls `othersCommitted` if it finds any. */
  poll: () => void;
  /** Milliseconds between polls if the system reports no commits. */
  interval: number;
  /** Registers a callback for possible commits of other processes, and one for the end of these reports; returns a
   *  function that unregisters them. */
  hints: (onHint: () => void, onEnd: () => void) => () => void;
}

/** Notifies listeners of new events and timers, and of topics: of this process's commits immediately, of other processes'
 *  shortly after a hint, or within the poll interval. Polls only while there are listeners, and does not keep the process
 *  alive. */
export class CommitWatch {
  readonly #listeners = new Listeners();
  #stopPolling: (() => void) | undefined;
  #pollTimer: NodeJS.Timeout | undefined;
  #step = 0;
  #hinted = false;
  /** Whether this process has committed since the last hint. */
  #committed = false;
  readonly #marks = new Map<string, string>();

  constructor(private readonly options: CommitWatchOptions) {
    this.#marks.set(APPENDS, options.mark());
  }

  /** @param topic @default new events and timers */
  listen(listener: () => void, topic = APPENDS): () => void {
    if (!this.#marks.has(topic)) this.#marks.set(topic, this.#markOf(topic));
    const stop = this.#listeners.add(topic, listener);
    this.#stopPolling ??= this.#startPolling();
    return () => {
      stop();
      if (this.#listeners.isEmpty) this.stop();
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
    for (const topic of this.#listeners.topics) {
      const mark = this.#markOf(topic);
      if (mark === this.#marks.get(topic)) continue;
      this.#marks.set(topic, mark);
      this.#listeners.notify(topic);
    }
  }

  /** Notifies the listeners of a topic. @param topic @default new events and timers */
  notify(topic = APPENDS): void {
    this.#listeners.notify(topic);
  }

  #markOf(topic: string): string {
    const { mark, notices } = this.options;
    return topic === APPENDS ? mark() : String(notices(topic));
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
