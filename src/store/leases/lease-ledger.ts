import { formatAge } from '../../duration.js';

/** A lease for which this process competes and that no process has held for several times its duration. */
export interface VacantLease {
  name: string;
  /** Milliseconds since it was last seen held. */
  for: number;
}

/** A lease without a holder for this multiple of its duration is vacant. A regular change of holder takes one
 *  duration. */
export const VACANT_AFTER_TTLS = 3;

/** `no process has held the lease relay for 44 s`, and from two minutes on in the unit of `formatAge`. */
export function describeVacancy({ name, for: duration }: VacantLease): string {
  const age = duration < 120_000 ? `${Math.round(duration / 1_000)} s` : formatAge(duration);
  return `no process has held the lease ${name} for ${age}`;
}

/**
 * Records when each lease that this process competes for was last seen held, by this process or by another one. A lease
 * counts as held when its row has changed since the last attempt, as a live holder renews it. Durations are measured
 * with a monotonic clock, so that a change of the system time cannot hide a vacancy.
 */
export class LeaseLedger {
  readonly #leases = new Map<string, { ttl: number; term: string; seenAt: number }>();

  constructor(private readonly elapsed: () => number = () => performance.now()) {}

  /** Records that an attempt to acquire or renew the lease begins. */
  attempt(name: string, ttl: number): void {
    const known = this.#leases.get(name);
    if (known === undefined) this.#leases.set(name, { ttl, term: '', seenAt: this.elapsed() });
    else known.ttl = ttl;
  }

  /** Records the term that the attempt found: a text that changes with every renewal. */
  found(name: string, term: string): void {
    const known = this.#leases.get(name);
    if (known === undefined || known.term === term) return;
    known.term = term;
    known.seenAt = this.elapsed();
  }

  /** Records that this process has released the lease and no longer competes for it, until the next attempt. */
  released(name: string): void {
    this.#leases.delete(name);
  }

  vacant(): VacantLease[] {
    const now = this.elapsed();
    return [...this.#leases]
      .map(([name, { ttl, seenAt }]) => ({ name, ttl, for: now - seenAt }))
      .filter(({ ttl, for: duration }) => duration > VACANT_AFTER_TTLS * ttl)
      .map(({ name, for: duration }) => ({ name, for: duration }));
  }
}
