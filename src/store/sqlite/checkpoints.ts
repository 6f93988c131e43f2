import type { Lease } from '../contract.js';
import type { Connection, Statement } from './connection.js';

/** Checkpoints and the leases that guard some of them. Works inside the transaction that is open; each change is one
 *  statement, so that it needs no savepoint. */
export class Checkpoints {
  readonly #position: Statement;
  readonly #move: Statement;
  readonly #lease: Statement;
  readonly #hold: Statement;
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
    this.#lease = db.prepare<unknown[]>('SELECT holder, epoch, expires FROM flotilla_leases WHERE name = ?');
    this.#hold = db.prepare<unknown[]>(
      `INSERT INTO flotilla_leases (name, holder, epoch, expires) VALUES (?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET holder = excluded.holder, epoch = excluded.epoch, expires = excluded.expires`,
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

  moveLeased(lease: Lease, from: number, to: number): boolean {
    const current = this.#current(lease.name);
    if (current?.epoch !== lease.epoch || current.holder !== lease.holder) return false;
    return this.move(lease.name, from, to);
  }

  acquire(name: string, holder: string, ttl: number): Lease | undefined {
    const current = this.#current(name);
    const now = this.clock();
    if (current !== undefined && current.holder !== holder && current.expires > now) return undefined;
    const epoch = current?.holder === holder ? current.epoch : (current?.epoch ?? 0) + 1;
    this.#hold.run(name, holder, epoch, now + ttl);
    return { name, holder, epoch };
  }

  release({ name, holder, epoch }: Lease): void {
    this.#release.run(name, holder, epoch);
  }

  #current(name: string): { holder: string; epoch: number; expires: number } | undefined {
    return this.#lease.get(name) as { holder: string; epoch: number; expires: number } | undefined;
  }
}
