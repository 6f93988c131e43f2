import { FlotillaError } from '../../../errors.js';
import type { StoredEvent } from '../../stored-event.js';
import type { Connection, Statement } from '../connection.js';
import { idValue } from '../tables/id-values.js';

/** Records which events of each stream are archived. Works inside the open transaction. */
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

  /** Starts a transaction: forgets cached results, because other processes may have archived events. */
  begin(): void {
    this.#known = undefined;
  }

  /** Whether the event with this id is archived and no longer in the store. */
  has(id: string): boolean {
    // one query per transaction instead of one per event, if nothing is archived
    this.#known ??= this.#any.get() !== undefined;
    return this.#known && this.#id.get(idValue(id)) !== undefined;
  }

  /** Deletes the events of the stream up to `last` from the store; all of them are archived. Returns how many. */
  moved(name: string, last: StoredEvent): number {
    const stream = this.#record.get(name, last.version, last.position);
    if (stream === undefined) throw new FlotillaError('store.io', `${name} is not in the store`);
    this.#known = true;
    this.#keepIds.run(stream, last.version);
    return this.#delete.run(stream, last.version).changes;
  }
}
