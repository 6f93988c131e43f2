import { FlotillaError } from '../../../errors.js';
import type { StoredEvent } from '../../stored-event.js';
import type { Connection, Statement } from '../connection.js';
import { idValue } from '../tables/id-values.js';

/** What of each stream is in the archive. Works inside the transaction that is open. */
export class ArchivedMarks {
  readonly #any: Statement;
  readonly #id: Statement;
  readonly #record: Statement;
  readonly #keepIds: Statement;
  readonly #delete: Statement;
  #known: boolean | undefined;

  constructor(db: Connection) {
    this.#any = db.prepare<unknown[]>('SELECT 1 FROM flotilla_archived LIMIT 1').pluck();
    this.#id = db.prepare<unknown[]>('SELECT 1 FROM flotilla_archived_ids WHERE id = ?').pluck();
    this.#record = db
      .prepare<unknown[]>(
        `INSERT INTO flotilla_archived (stream, through, position)
         VALUES ((SELECT id FROM flotilla_streams WHERE name = ?), ?, ?)
         ON CONFLICT DO UPDATE SET through = MAX(through, excluded.through), position = MAX(position, excluded.position)
         RETURNING stream`,
      )
      .pluck();
    this.#keepIds = db.prepare<unknown[]>(
      `INSERT INTO flotilla_archived_ids (id) SELECT id FROM flotilla_events WHERE stream = ? AND version <= ?
       ON CONFLICT DO NOTHING`,
    );
    this.#delete = db.prepare<unknown[]>('DELETE FROM flotilla_events WHERE stream = ? AND version <= ?');
  }

  /** A new transaction: what other processes have archived since is not known. */
  begin(): void {
    this.#known = undefined;
  }

  /** Whether the event with this id is in the archive and no longer in the store. */
  has(id: string): boolean {
    // one look per transaction instead of one per event, where nothing is archived
    this.#known ??= this.#any.get() !== undefined;
    return this.#known && this.#id.get(idValue(id)) !== undefined;
  }

  /** Takes the events of the stream up to `last`, all of which are in the archive, out of the store; gives how many. */
  moved(name: string, last: StoredEvent): number {
    const stream = this.#record.get(name, last.version, last.position);
    if (stream === undefined) throw new FlotillaError('store.io', `${name} is not in the store`);
    this.#known = true;
    this.#keepIds.run(stream, last.version);
    return this.#delete.run(stream, last.version).changes;
  }
}
