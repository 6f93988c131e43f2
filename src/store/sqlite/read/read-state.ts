import type { Connection, Statement } from '../connection.js';
import { isValidLease, type LeaseRow } from '../tables/checkpoints.js';

/** Reads committed data other than events. */
export class StateReader {
  readonly #checkpoint: Statement;
  readonly #lease: Statement;
  readonly #nextTimer: Statement;
  readonly #timers: Statement;

  constructor(db: Connection) {
    const value = (text: string) => db.prepare<unknown[]>(text).pluck();
    this.#checkpoint = value('SELECT position FROM flotilla_checkpoints WHERE name = ?');
    this.#lease = db.prepare<unknown[]>('SELECT holder, epoch, expires, ttl FROM flotilla_leases WHERE name = ?');
    this.#nextTimer = value('SELECT MIN(due) FROM flotilla_timers');
    this.#timers = value('SELECT COUNT(*) FROM flotilla_timers');
  }

  checkpoint(name: string): number {
    return Number(this.#checkpoint.get(name) ?? 0);
  }

  isLeaseHeld(name: string, now: number): boolean {
    const lease = this.#lease.get(name) as LeaseRow | undefined;
    return lease !== undefined && isValidLease(lease, now, Infinity);
  }

  nextTimer(): number | undefined {
    const due = this.#nextTimer.get();
    return typeof due === 'number' ? due : undefined;
  }

  timers(): number {
    return Number(this.#timers.get());
  }
}
