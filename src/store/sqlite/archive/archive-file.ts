import { existsSync } from 'node:fs';
import { FlotillaError } from '../../../errors.js';
import type { StoredEvent } from '../../stored-event.js';
import { openWriter, type Connection } from '../connection.js';
import { idValue } from '../tables/id-values.js';
import { NameCache } from '../tables/name-cache.js';
import { EventReader } from '../read/read-events.js';

const VERSION = 1;

/** The schema of the store's events, with the same positions. Rows are never deleted. The file is readable on its
 *  own. */
const SCHEMA = `
  CREATE TABLE flotilla_streams (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
  CREATE TABLE flotilla_types (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
  CREATE TABLE flotilla_events (
    position INTEGER PRIMARY KEY,
    stream INTEGER NOT NULL,
    version INTEGER NOT NULL,
    id BLOB NOT NULL UNIQUE,
    type INTEGER NOT NULL,
    time INTEGER NOT NULL,
    correlation BLOB NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (stream, version)
  );
  CREATE INDEX flotilla_events_type ON flotilla_events (type);
  CREATE INDEX flotilla_events_block_time ON flotilla_events (position >> 9, time);
  CREATE INDEX flotilla_events_correlation ON flotilla_events (correlation);
  CREATE TRIGGER flotilla_events_no_update BEFORE UPDATE ON flotilla_events
    BEGIN SELECT RAISE(ABORT, 'events are never changed'); END;
  CREATE TRIGGER flotilla_events_no_delete BEFORE DELETE ON flotilla_events
    BEGIN SELECT RAISE(ABORT, 'events are never deleted'); END;
  PRAGMA user_version = ${VERSION};
`;

/** Returns the path of the archive: `core.archive.db` beside `core.db`. */
export function archivePathOf(path: string): string {
  return `${path.replace(/\.db$/, '')}.archive.db`;
}

/** The file of archived events. Opened on first use, created with the first event. */
export class ArchiveFile {
  #opened: { db: Connection; events: EventReader } | undefined;

  /** Without a path, every use throws `store.archive_missing`. */
  constructor(readonly path: string | undefined) {}

  /** Reads the archived events. Throws `store.archive_missing` if the file does not exist. */
  get events(): EventReader {
    return this.#open(false).events;
  }

  /** Copies events into the archive; existing ones are skipped. On return, all of them are on disk and equal in
   *  every column. `through` is the highest position archived so far, 0 for none. Throws `store.archive_missing` if
   *  the archive does not contain it. */
  copy(stream: string, events: readonly StoredEvent[], { through }: { through: number }): void {
    const { db, events: reader } = this.#open(through === 0);
    this.requireThrough(through);
    const insert = db.prepare<unknown[]>(
      `INSERT INTO flotilla_events (position, stream, version, id, type, time, correlation, body)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
    );
    db.transaction(() => {
      const streams = new NameCache(db, 'flotilla_streams', 1);
      const types = new NameCache(db, 'flotilla_types', 1_000);
      const key = streams.keyOf(stream);
      for (const { position, version, id, type, time, correlationId, body } of events) {
        const typeKey = types.keyOf(type);
        insert.run(position, key, version, idValue(id), typeKey, time, idValue(correlationId), body);
      }
      const kept = reader.stream(stream, (events[0]?.version ?? 0) - 1, events.length);
      if (!same(kept, events)) throw new FlotillaError('store.archive_missing', `${this.path} has other events`);
    }).immediate();
  }

  /** Throws `store.archive_missing` when the archive ends before this position: the file is an older copy. */
  requireThrough(position: number): void {
    if (this.events.head() < position) this.lacks(`what is before position ${position}`);
  }

  /** Throws `store.archive_missing` for missing content. */
  lacks(what: string): never {
    throw new FlotillaError('store.archive_missing', `${this.path} lacks ${what}`);
  }

  close(): void {
    this.#opened?.db.close();
    this.#opened = undefined;
  }

  #open(create: boolean): { db: Connection; events: EventReader } {
    if (this.#opened !== undefined) return this.#opened;
    const { path } = this;
    if (path === undefined) throw new FlotillaError('store.archive_missing', 'a store in memory has no archive');
    if (!create && !existsSync(path)) throw new FlotillaError('store.archive_missing', path);
    const db = openWriter(path);
    try {
      if (create) makeTables(db);
      if (versionOf(db) !== VERSION) throw new FlotillaError('store.archive_missing', `${path} is no archive`);
      this.#opened = { db, events: new EventReader(db) };
      return this.#opened;
    } catch (error) {
      db.close();
      throw error;
    }
  }
}

function makeTables(db: Connection): void {
  db.transaction(() => {
    if (versionOf(db) === 0) db.exec(SCHEMA);
  }).immediate();
}

function versionOf(db: Connection): number {
  return Number(db.pragma('user_version', { simple: true }));
}

function same(some: readonly StoredEvent[], others: readonly StoredEvent[]): boolean {
  return (
    some.length === others.length &&
    some.every(({ position, id, body }, index) => {
      const other = others[index];
      return other?.position === position && other.id === id && other.body === body;
    })
  );
}
