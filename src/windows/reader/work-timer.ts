import type { Clock } from '../../concurrency/clock.js';
import { Wakeup } from '../../concurrency/wakeup.js';

/** Milliseconds between two runs of work that is still due, because it waits for an answer. */
const RETRY_INTERVAL_MS = 100;
/** Milliseconds between two runs of work that is not due: the system time may be set, and metrics age. */
const MAX_INTERVAL_MS = 5_000;

export interface TimedWork {
  /** The time of the wall clock at which the work is due. */
  dueAt: (now: number) => number;
  run: () => Promise<void>;
}

/** Runs work when it is due, by one timer. */
export class WorkTimer {
  readonly #wakeup: Wakeup;
  #next = -Infinity;
  #notBefore = -Infinity;
  #isForced = false;

  constructor(
    private readonly work: TimedWork,
    private readonly clock: Clock,
  ) {
    this.#wakeup = new Wakeup(clock.after);
  }

  /** Runs the work now. */
  notify(): void {
    this.#isForced = true;
    this.#wakeup.notify();
  }

  /** Moves the timer if the work is due earlier than before. */
  changed(): void {
    if (this.#dueAt() < this.#next) this.#wakeup.notify();
  }

  /** Runs the work until the signal aborts. Rejects where the work rejects. */
  async runUntil(signal: AbortSignal): Promise<void> {
    const end = () => this.notify();
    signal.addEventListener('abort', end, { once: true });
    try {
      while (!signal.aborted) {
        this.#isForced = false;
        await this.work.run();
        this.#notBefore = this.clock.now() + RETRY_INTERVAL_MS;
        while (!this.#isForced && (await this.#wait())) continue;
      }
    } finally {
      signal.removeEventListener('abort', end);
    }
  }

  /** Resolves with false when the work is due, and with true if that may have changed. */
  #wait(): Promise<boolean> {
    const now = this.clock.now();
    this.#next = Math.min(this.#dueAt(), now + MAX_INTERVAL_MS);
    // a timer may fire a millisecond early
    return this.#wakeup.wait(this.#next - now + 1);
  }

  #dueAt(): number {
    return Math.max(this.#notBefore, this.work.dueAt(this.clock.now()));
  }
}
