import {
  BrokenCircuitError,
  circuitBreaker,
  CircuitState,
  ConsecutiveBreaker,
  DelegateBackoff,
  handleWhen,
  type CircuitBreakerPolicy,
} from 'cockatiel';
import { errorOf, UnavailableError } from '../../errors.js';

export type CircuitPosition = 'closed' | 'half-open' | 'open';

/** Thrown in place of running while the circuit is open. */
export { BrokenCircuitError };

/** Failures in a row; a success makes it forget, also whose they were. */
class DistinctFailures extends ConsecutiveBreaker {
  readonly events = new Set<string>();

  override success(): void {
    super.success();
    this.events.clear();
  }
}

/** Events that are remembered as having found the dependency unavailable. */
const MAX_SUSPECTS = 1000;

/**
 * A circuit breaker that counts unavailable dependencies, an event once however often it is tried, and stays open
 * longer after each probe that failed. A probe that had failed before says nothing new: it may be the event that never
 * works, and ten of those, each followed by a longer time than the one before, would keep the good ones behind them
 * waiting for half an hour. So the next probe comes after the first time again.
 */
export class Circuit {
  readonly #policy: CircuitBreakerPolicy;
  readonly #failures: DistinctFailures;
  readonly #openTimes: readonly [number, ...number[]];
  /** Whose failure an error is. */
  readonly #owners = new WeakMap<Error, string>();
  /** The oldest first. */
  readonly #suspects = new Set<string>();
  /** Which of the open times was the latest that a probe earned; -1 while closed. */
  #step = -1;
  #openFor = 0;
  /** By the monotonic clock: cockatiel goes by the system time, and a clock set back would keep the circuit open. */
  #openUntil = 0;
  /** By the monotonic clock; undefined while it is closed. */
  #openSince: number | undefined;

  constructor(options: {
    failures: number;
    halfOpenAfter: number;
    maxHalfOpenAfter: number;
    onChange: (position: CircuitPosition) => void;
  }) {
    this.#failures = new DistinctFailures(options.failures);
    this.#openTimes = doubling(options.halfOpenAfter, options.maxHalfOpenAfter);
    this.#policy = circuitBreaker(
      handleWhen((error) => error instanceof UnavailableError && this.#counts(error)),
      {
        halfOpenAfter: new DelegateBackoff(({ result }) => {
          this.#openFor = this.#nextOpenTime('error' in result ? result.error : undefined);
          this.#openUntil = performance.now() + this.#openFor;
          return -Infinity; // over at any time: `#run` decides
        }),
        breaker: this.#failures,
      },
    );
    this.#policy.onStateChange((state) => {
      if (state === CircuitState.Closed) this.#step = -1;
      this.#openSince = state === CircuitState.Closed ? undefined : (this.#openSince ?? performance.now());
      options.onChange(positionOf(state));
    });
  }

  get position(): CircuitPosition {
    return positionOf(this.#policy.state);
  }

  /** For how many milliseconds it has not been closed, and how many are left until it takes a probe; undefined while it is
   *  closed. */
  get interruption(): { for: number; left: number } | undefined {
    if (this.#openSince === undefined) return undefined;
    const now = performance.now();
    return { for: now - this.#openSince, left: Math.max(0, this.#openUntil - now) };
  }

  /** How long it stays open this time, in milliseconds. */
  get openFor(): number {
    return this.#openFor;
  }

  /** Runs the work for an event. Rejects with `BrokenCircuitError`, without running it, while open. */
  async execute<T>(eventId: string, work: () => Promise<T>): Promise<T> {
    try {
      const result = await this.#run(eventId, work);
      if (this.#suspects.size > 0) this.#suspects.delete(eventId);
      return result;
    } catch (error) {
      if (error instanceof UnavailableError) this.#suspect(eventId);
      throw error;
    }
  }

  async #run<T>(eventId: string, work: () => Promise<T>): Promise<T> {
    if (this.#policy.state === CircuitState.Open && performance.now() < this.#openUntil) throw new BrokenCircuitError();
    if (this.#policy.state !== CircuitState.Closed) {
      return this.#policy.execute(() => work().catch((error: unknown) => Promise.reject(this.#owned(error, eventId))));
    }
    // closed, the policy is told of failures only: its way around each success costs 3 µs, a tenth of a message
    try {
      const result = await work();
      if (this.#failures.state !== 0) this.#failures.success();
      return result;
    } catch (error) {
      if (!(error instanceof UnavailableError) || this.#policy.state !== CircuitState.Closed) throw error;
      return this.#policy.execute(() => Promise.reject(this.#owned(error, eventId)));
    }
  }

  #owned(error: unknown, eventId: string): Error {
    const owned = errorOf(error);
    this.#owners.set(owned, eventId);
    return owned;
  }

  #suspect(eventId: string): void {
    this.#suspects.delete(eventId);
    this.#suspects.add(eventId);
    const [oldest] = this.#suspects;
    if (this.#suspects.size > MAX_SUSPECTS && oldest !== undefined) this.#suspects.delete(oldest);
  }

  #nextOpenTime(error: unknown): number {
    const eventId = error instanceof Error ? this.#owners.get(error) : undefined;
    const [first] = this.#openTimes;
    const isKnown = this.#step >= 0 && eventId !== undefined && this.#suspects.has(eventId);
    if (!isKnown) this.#step = Math.min(this.#step + 1, this.#openTimes.length - 1);
    return isKnown ? first : (this.#openTimes[this.#step] ?? first);
  }

  /** An event that has been counted is not counted again; but a probe that fails always opens the circuit. */
  #counts(error: UnavailableError): boolean {
    const eventId = this.#owners.get(error);
    if (this.#policy.state === CircuitState.HalfOpen || eventId === undefined) return true;
    if (this.#failures.events.has(eventId)) return false;
    this.#failures.events.add(eventId);
    return true;
  }
}

function positionOf(state: CircuitState): CircuitPosition {
  return state === CircuitState.Closed ? 'closed' : state === CircuitState.HalfOpen ? 'half-open' : 'open';
}

function doubling(first: number, last: number): [number, ...number[]] {
  const times: [number, ...number[]] = [first];
  for (let time = first * 2; time < last; time *= 2) times.push(time);
  if (last > first) times.push(last);
  return times;
}
