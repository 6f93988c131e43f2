import type { Clock } from '../../concurrency/clock.js';
import { messageOf, UnavailableError } from '../../errors.js';

export type CircuitBreakerState = 'closed' | 'half-open' | 'open';

/** Thrown instead of running the work while the circuit breaker is open. */
export class CircuitOpenError extends Error {
  override readonly name = 'CircuitOpenError';
}

export interface CircuitBreakerSettings {
  /** Consecutive failures, each of a different event, that open the circuit breaker. */
  failures: number;
  /** Milliseconds from opening to the first probe. */
  halfOpenAfter: number;
  /** Upper limit of the open time, which doubles after each failed probe. */
  maxHalfOpenAfter: number;
}

/** How many events for which the dependency was unavailable are remembered. */
const MAX_SUSPECTS = 1000;

/** Opens after consecutive failures of an unavailable dependency and closes after a successful probe. Each event counts
 *  once, however often it is retried. Each failed probe doubles the open time, unless the event of the probe had failed
 *  before: such an event may be a poison message, and ten poison messages with doubled open times would block the
 *  messages behind them for half an hour. After its probe, the open time returns to its initial value. */
export class CircuitBreaker {
  #state: CircuitBreakerState = 'closed';
  /** Events that failed since the last success. */
  readonly #failed = new Set<string>();
  /** Events for which the dependency was ever unavailable and that have not succeeded since, oldest first. */
  readonly #suspects = new Set<string>();
  readonly #openTimes: readonly [number, ...number[]];
  /** Index of the longest open time so far; -1 while closed. */
  #step = -1;
  #openFor = 0;
  #openUntil = 0;
  #openSince: number | undefined;
  #cause: string | undefined;
  #isProbeDue = false;
  #cancelTimer: () => void = () => undefined;
  /** Resolves when the running probe has closed or opened the circuit breaker. */
  #decision: Promise<void> | undefined;

  constructor(
    private readonly settings: CircuitBreakerSettings,
    private readonly clock: Pick<Clock, 'elapsed' | 'after'>,
    private readonly callbacks: {
      onChange: (state: CircuitBreakerState) => void;
      /** Called when the open time is over: the next work runs as a probe. */
      onProbeDue?: () => void;
    },
  ) {
    this.#openTimes = doubling(settings.halfOpenAfter, settings.maxHalfOpenAfter);
  }

  get state(): CircuitBreakerState {
    return this.#state;
  }

  /** Milliseconds since it was last closed, and until the next probe; undefined while it is closed. */
  get interruption(): { for: number; left: number } | undefined {
    if (this.#openSince === undefined) return undefined;
    const now = this.clock.elapsed();
    return { for: now - this.#openSince, left: Math.max(0, this.#openUntil - now) };
  }

  /** The failure of the dependency that opened it last, redacted; undefined while it is closed. */
  get cause(): string | undefined {
    return this.#state === 'closed' ? undefined : this.#cause;
  }

  /** Whether the open time is over and no probe has run since. */
  get isProbeDue(): boolean {
    return this.#isProbeDue;
  }

  /** The latest open time, in milliseconds. */
  get openFor(): number {
    return this.#openFor;
  }

  /** Runs the work for an event and settles with its result. While open, rejects with `CircuitOpenError` without
   *  running it. */
  async execute<T>(eventId: string, work: () => Promise<T>): Promise<T> {
    if (this.#state !== 'closed') return this.#executeUnlessOpen(eventId, work);
    try {
      const result = await work();
      if (this.#failed.size > 0) this.#failed.clear();
      if (this.#suspects.size > 0) this.#suspects.delete(eventId);
      return result;
    } catch (error) {
      if (error instanceof UnavailableError) this.#countFailure(eventId, error);
      throw error;
    }
  }

  /** Cancels the timer of an open circuit breaker. */
  stop(): void {
    this.#cancelTimer();
  }

  /** While a probe is running, other work waits for its result. */
  async #executeUnlessOpen<T>(eventId: string, work: () => Promise<T>): Promise<T> {
    while (this.#decision !== undefined) await this.#decision;
    if (this.#state === 'closed') return this.execute(eventId, work);
    if (!this.#isProbeDue) throw new CircuitOpenError();
    return this.#probe(eventId, work);
  }

  async #probe<T>(eventId: string, work: () => Promise<T>): Promise<T> {
    let decided = () => {};
    this.#decision = new Promise<void>((resolve) => (decided = resolve));
    this.#isProbeDue = false;
    this.#enter('half-open');
    try {
      const result = await work();
      this.#close();
      this.#suspects.delete(eventId);
      return result;
    } catch (error) {
      // any other error means that the dependency responds
      if (error instanceof UnavailableError) this.#openAfterProbe(eventId, error);
      else this.#close();
      throw error;
    } finally {
      this.#decision = undefined;
      decided();
    }
  }

  /** Work that began before the circuit breaker opened no longer changes its state. */
  #countFailure(eventId: string, error: UnavailableError): void {
    if (this.#state === 'closed') {
      this.#failed.add(eventId);
      if (this.#failed.size >= this.settings.failures) this.#open(this.#longerOpenTime(), error);
    }
    this.#suspect(eventId);
  }

  #openAfterProbe(eventId: string, error: UnavailableError): void {
    this.#open(this.#suspects.has(eventId) ? this.#openTimes[0] : this.#longerOpenTime(), error);
    this.#suspect(eventId);
  }

  #longerOpenTime(): number {
    this.#step = Math.min(this.#step + 1, this.#openTimes.length - 1);
    return this.#openTimes[this.#step] ?? this.#openTimes[0];
  }

  #open(openFor: number, error: UnavailableError): void {
    this.#cause = messageOf(error);
    const now = this.clock.elapsed();
    this.#openFor = openFor;
    this.#openUntil = now + openFor;
    this.#openSince ??= now;
    // only the timer decides: a timer and a reading of the clock may differ by a millisecond
    this.#cancelTimer = this.clock.after(openFor, () => {
      this.#isProbeDue = true;
      this.callbacks.onProbeDue?.();
    });
    this.#enter('open');
  }

  #close(): void {
    this.#step = -1;
    this.#openSince = undefined;
    this.#failed.clear();
    this.#enter('closed');
  }

  #enter(state: CircuitBreakerState): void {
    this.#state = state;
    this.callbacks.onChange(state);
  }

  #suspect(eventId: string): void {
    this.#suspects.delete(eventId);
    this.#suspects.add(eventId);
    const [oldest] = this.#suspects;
    if (this.#suspects.size > MAX_SUSPECTS && oldest !== undefined) this.#suspects.delete(oldest);
  }
}

function doubling(first: number, last: number): [number, ...number[]] {
  const times: [number, ...number[]] = [first];
  for (let time = first * 2; time < last; time *= 2) times.push(time);
  if (last > first) times.push(last);
  return times;
}
