import { FlotillaError } from '../../../errors.js';
import type { UnsequencedEvent } from '../../../events/envelope.js';
import { ConflictError } from '../../conflict-error.js';
import type { AppendResult, ExpectedVersion } from '../../store.js';
import type { ArchivedMarks } from '../archive/archived-marks.js';
import type { Connection, Statement } from '../connection.js';
import { idValue } from '../tables/id-values.js';
import type { NameCache } from '../tables/name-cache.js';

/** Appends to streams. Works inside the open transaction; a version conflict leaves nothing behind. */
export class EventAppender {
  /** Events appended since this was last set to 0: whether a commit must notify listeners. */
  appended = 0;
  readonly #head: Statement;
  readonly #has: Statement;
  readonly #insert: Statement;
  readonly #releasePosition: Statement;

  constructor(
    db: Connection,
    private readonly streams: NameCache,
    private readonly types: NameCache,
    private readonly archived: ArchivedMarks,
  ) {
    this.#head = db
      .prepare<unknown[]>('SELECT version FROM flotilla_events WHERE stream = ? ORDER BY version DESC LIMIT 1')
      .pluck();
    this.#has = db.prepare<unknown[]>('SELECT 1 FROM flotilla_events WHERE id = ?').pluck();
    this.#insert = db.prepare<unknown[]>(
      `INSERT INTO flotilla_events (stream, version, id, type, time, correlation, body) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO NOTHING`,
    );
    this.#releasePosition = db.prepare<unknown[]>(
      `UPDATE sqlite_sequence SET seq = seq - 1 WHERE name = 'flotilla_events'`,
    );
  }

  /** Appends as `Tx.append` does. Repeating an append whose ids are all stored is no conflict, whatever the expected
   *  version. */
  append(stream: string, expected: ExpectedVersion, events: readonly UnsequencedEvent[]): AppendResult {
    const known = this.streams.find(stream);
    const head = known === undefined ? 0 : Number(this.#head.get(known) ?? 0);
    if (!fits(expected, head)) {
      const repeated = events.length > 0 && events.every(({ id }) => this.#knows(id));
      if (repeated) return { version: head, appended: 0 };
      throw new ConflictError(stream, expected, head);
    }
    if (events.length === 0) return { version: head, appended: 0 };
    const times = events.map(timeOf);
    const key = known ?? this.streams.add(stream);
    let version = head;
    for (const [index, event] of events.entries()) {
      if (this.archived.has(event.id)) continue;
      const { changes } = this.#insert.run(
        key,
        version + 1,
        idValue(event.id),
        this.types.keyOf(event.type),
        times[index],
        idValue(event.correlationid),
        JSON.stringify({ ...event, sequence: String(version + 1) }),
      );
      // AUTOINCREMENT used up a position for the skipped row; positions have no gaps
      if (changes === 0) this.#releasePosition.run();
      version += changes;
    }
    this.appended += version - head;
    return { version, appended: version - head };
  }

  #knows(id: string): boolean {
    return this.#has.get(idValue(id)) !== undefined || this.archived.has(id);
  }
}

function fits(expected: ExpectedVersion, head: number): boolean {
  return expected === 'any' || head === (expected === 'none' ? 0 : expected);
}

function timeOf({ id, time }: UnsequencedEvent): number {
  const milliseconds = Date.parse(time);
  if (Number.isNaN(milliseconds)) throw new FlotillaError('contract.not_an_event', `${id} has no valid time`);
  return milliseconds;
}
