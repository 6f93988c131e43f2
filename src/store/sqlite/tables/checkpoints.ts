import type { Lease } from '../../store.js';
import type { Connection, Statement } from '../connection.js';

/** The stored part of a lease. */
export interface LeaseRow {
  holder: string;
  epoch: number;
  /** Milliseconds since the epoch. */
  expires: number;
  /** Null in rows of an earlier release. */
  ttl: number | null;
}

/** The result of an attempt to acquire a lease, and the term found or begun: a text that changes with every renewal. */
export interface LeaseAttempt {
  lease: Lease | undefined;
  term: string;
}

/** The name of the checkpoint that counts the notifications of a topic. */
export function noticesOf(topic: string): string {
  return `notices:${topic}`;
}

/** Checkpoints, and the leases that guard some of them. Works inside the open transaction; each change is one
 *  statement, so that it needs no savepoint. */
export class Checkpoints {
  readonly #position: Statement;
  readonly #move: Statement;
  readonly #advance: Statement;
  readonly #lease: Statement;
  readonly #writeLease: Statement;
  readonly #release: Statement;

  constructor(
    db: Connection,
    private readonly clock: () => number,
  ) {
    this.#position = db.prepare<unknown[]>('SELECT position FROM flotilla_checkpoints WHERE name = ?').pluck();
    this.#move = db.prepare<unknown[]>(
      `INSERT INTO flotilla_checkpoints (name, position) VALUES (?, ?)
       ON CONFLICT DO UPDATE SET position = excluded.position`,
    );
    this.#advance = db.prepare<unknown[]>(
      `INSERT INTO flotilla_checkpoints (name, position) VALUES (?, 1)
       ON CONFLICT DO UPDATE SET position = position + 1`,
    );
    this.#lease = db.prepare<unknown[]>('SELECT holder, epoch, expires, ttl FROM flotilla_leases WHERE name = ?');
    this.#writeLease = db.prepare<unknown[]>(
      `INSERT INTO flotilla_leases (name, holder, epoch, expires, ttl) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET holder = excluded.holder, epoch = excluded.epoch, expires = excluded.expires,
         ttl = excluded.ttl`,
    );
    this.#release = db.prepare<unknown[]>(
      `UPDATE flotilla_leases SET holder = '', expires = 0 WHERE name = ? AND holder = ? AND epoch = ?`,
    );
  }

  position(name: string): number {
    return Number(this.#position.get(name) ?? 0);
  }

  move(name: string, from: number, to: number): boolean {
    if (this.position(name) !== from) return false;
    this.#move.run(name, to);
    return true;
  }

  /** Moves a checkpoint by one. */
  advance(name: string): void {
    this.#advance.run(name);
  }

  moveLeased(lease: Lease, from: number, to: number): boolean {
    const current = this.#current(lease.name);
    if (current?.epoch !== lease.epoch || current.holder !== lease.holder) return false;
    return this.move(lease.name, from, to);
  }

  acquire(name: string, holder: string, ttl: number, ended?: string): LeaseAttempt {
    const current = this.#current(name);
    const now = this.clock();
    const isOthers = current !== undefined && current.holder !== holder && current.holder !== ended;
    if (isOthers && isValidLease(current, now, ttl)) {
      return { lease: undefined, term: `${current.epoch} ${current.expires}` };
    }
    const epoch = current?.holder === holder ? current.epoch : (current?.epoch ?? 0) + 1;
    this.#writeLease.run(name, holder, epoch, now + ttl, ttl);
    return { lease: { name, holder, epoch }, term: `${epoch} ${now + ttl}` };
  }

  release({ name, holder, epoch }: Lease): void {
    this.#release.run(name, holder, epoch);
  }

  #current(name: string): LeaseRow | undefined {
    return this.#lease.get(name) as LeaseRow | undefined;
  }
}

/** Whether the lease is still valid. An end further away than the lease's duration was written before the clock was
 *  set back, and counts as expired. A live holder corrects it at its next renewal; until then two processes may work
 *  at the same time, which epochs and checkpoints make harmless. */
export function isValidLease(
  { expires, ttl }: Pick<LeaseRow, 'expires' | 'ttl'>,
  now: number,
  requested: number,
): boolean {
  return expires > now && expires <= now + (ttl ?? requested);
}
