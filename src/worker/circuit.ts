import {
  BrokenCircuitError,
  circuitBreaker,
  CircuitState,
  ConsecutiveBreaker,
  handleWhen,
  IterableBackoff,
  type CircuitBreakerPolicy,
} from 'cockatiel';
import { UnavailableError } from '../errors.js';

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

/**
 * A circuit breaker that counts unavailable dependencies, an event once however often it is tried, and stays open
 * longer after each probe that failed.
 */
export class Circuit {
  readonly #policy: CircuitBreakerPolicy;
  readonly #failures: DistinctFailures;
  readonly #openTimes: number[];
  /** Whose failure an error is. */
  readonly #owners = new WeakMap<Error, string>();
  #probesFailed = 0;

  constructor(options: {
    failures: number;
    halfOpenAfter: number;
    maxHalfOpenAfter: number;
    onChange: (position: CircuitPosition) => void;
  }) {
    this.#failures = new DistinctFailures(options.failures);
    this.#openTimes = doubling(options.halfOpenAfter, options.maxHalfOpenAfter);
    this.#policy = circuitBreaker(
      handleWhen((error) => this.#counts(error)),
      { halfOpenAfter: new IterableBackoff(this.#openTimes), breaker: this.#failures },
    );
    this.#policy.onStateChange((state) => {
      if (state === CircuitState.Closed) this.#probesFailed = 0;
      options.onChange(positionOf(state));
    });
    this.#policy.onBreak(() => (this.#probesFailed += 1));
  }

  get position(): CircuitPosition {
    return positionOf(this.#policy.state);
  }

  /** How long it stays open this time, in milliseconds. */
  get openFor(): number {
    return this.#openTimes[Math.min(this.#probesFailed, this.#openTimes.length) - 1] ?? this.#openTimes[0] ?? 0;
  }

  /** Runs the work for an event. Rejects with `BrokenCircuitError`, without running it, while open. */
  async execute<T>(eventId: string, work: () => Promise<T>): Promise<T> {
    if (this.#policy.state !== CircuitState.Closed) return this.#policy.execute(work);
    // closed, the policy is told of failures only: its way around each success costs 3 µs, a tenth of a message
    try {
      const result = await work();
      if (this.#failures.state !== 0) this.#failures.success();
      return result;
    } catch (error) {
      if (!(error instanceof UnavailableError) || this.#policy.state !== CircuitState.Closed) throw error;
      this.#owners.set(error, eventId);
      return this.#policy.execute(() => Promise.reject(error));
    }
  }

  /** An event that has been counted is not counted again; but a probe that fails always opens the circuit. */
  #counts(error: Error): boolean {
    if (!(error instanceof UnavailableError)) return false;
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

function doubling(first: number, last: number): number[] {
  const times = [first];
  for (let time = first * 2; time < last; time *= 2) times.push(time);
  if (last > first) times.push(last);
  return times;
}
