import { createHash } from 'node:crypto';
import { FlotillaError } from '../../../errors.js';
import type { Migration } from '../../store.js';
import type { Connection, Statement } from '../connection.js';

/** Completed migrations, by owner. Works inside the open transaction. */
export class Migrations {
  readonly #hash: Statement;
  readonly #insert: Statement;

  constructor(
    private readonly db: Connection,
    private readonly clock: () => number,
  ) {
    this.#hash = db.prepare<unknown[]>('SELECT hash FROM flotilla_migrations WHERE owner = ? AND name = ?').pluck();
    this.#insert = db.prepare<unknown[]>('INSERT INTO flotilla_migrations (owner, name, hash, at) VALUES (?, ?, ?, ?)');
  }

  /** Runs a migration unless it is completed. Throws `store.migration_changed` when a completed one has different
   *  SQL. */
  run(owner: string, { name, sql }: Migration): void {
    const hash = createHash('sha256').update(sql).digest('hex');
    const ran = this.#hash.get(owner, name);
    if (ran === hash) return;
    if (ran !== undefined) throw new FlotillaError('store.migration_changed', `${name} of ${owner}`);
    this.db.exec(sql);
    this.#insert.run(owner, name, hash, this.clock());
  }
}
