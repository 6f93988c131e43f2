import { alignedInterval } from '../../../concurrency/aligned-interval.js';
import { Listeners } from '../../listeners.js';

/** Milliseconds from a hint of this process's own commit to a poll: the system may report a commit of another process at the
 *  same time by the same hint. */
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
  /** Registers a callback for announced commits, of any process, and one for the end of these reports; returns a function
   *  that unregisters them. */
  hints: (onHint: () => void, onEnd: () => void) => () => void;
}

/** Notifies listeners of new events and timers, and of topics: of this process's commits immediately, of other processes'
 *  at a hint, or within the poll interval. Polls only while there are listeners, and does not keep the process
 *  alive. */
export class CommitWatch {
  readonly #listeners = new Listeners();
  #stopPolling: (() => void) | undefined;
  #pollTimer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;
  /** Whether this process has announced a commit since the last hint. */
  #announced = false;
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

  /** Called when this process announces a commit. */
  announced(): void {
    this.#announced = true;
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
    let stopTimer = alignedInterval(interval * SAFETY_FACTOR, poll);
    const onHint = () => {
      const isOwn = this.#announced;
      this.#announced = false;
      if (isOwn) this.#pollTimer ??= setTimeout(() => this.#poll(), POLL_DELAY_AFTER_OWN_MS).unref();
      else this.#immediate ??= setImmediate(() => this.#poll()).unref();
    };
    const onEnd = () => {
      stopTimer();
      stopTimer = alignedInterval(interval, poll);
    };
    const stopHints = hints(onHint, onEnd);
    return () => {
      stopHints();
      stopTimer();
      this.#clearPoll();
    };
  }

  #poll(): void {
    this.#clearPoll();
    this.options.poll();
  }

  #clearPoll(): void {
    clearTimeout(this.#pollTimer);
    clearImmediate(this.#immediate);
    this.#pollTimer = undefined;
    this.#immediate = undefined;
  }
}
