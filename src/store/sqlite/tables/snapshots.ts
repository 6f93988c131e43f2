import type { Snapshot } from '../../store.js';
import type { Connection, Statement } from '../connection.js';
import type { NameCache } from './name-cache.js';

/** Reads snapshots through one connection. */
export class SnapshotReader {
  readonly #find: Statement;

  constructor(db: Connection) {
    this.#find = db.prepare<unknown[]>(
      `SELECT version, shape, state FROM flotilla_snapshots
       WHERE stream = (SELECT id FROM flotilla_streams WHERE name = ?)`,
    );
  }

  of(stream: string): Snapshot | undefined {
    const row = this.#find.get(stream) as { version: number; shape: number; state: string } | undefined;
    return row && { version: row.version, shape: row.shape, state: JSON.parse(row.state) as unknown };
  }
}

/** Writes snapshots. Works inside the open transaction. */
export class SnapshotTable {
  readonly #save: Statement;

  constructor(
    db: Connection,
    private readonly streams: NameCache,
  ) {
    this.#save = db.prepare<unknown[]>(
      `INSERT INTO flotilla_snapshots (stream, version, shape, state) VALUES (?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET version = excluded.version, shape = excluded.shape, state = excluded.state
       WHERE excluded.shape > shape OR excluded.version > version`,
    );
  }

  /** Replaces an earlier version or an older shape. A process that knows only an older shape may overwrite a newer
   *  one at a later version, so that snapshots continue after a rollback of a release. */
  save(stream: string, { version, shape, state }: Snapshot): void {
    this.#save.run(this.streams.keyOf(stream), version, shape, JSON.stringify(state));
  }
}
