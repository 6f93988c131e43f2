import { randomUUID } from 'node:crypto';
import { FlotillaError } from '../../../errors.js';
import type { Connection } from '../connection.js';

/** The store's own tables; the prefix separates them from those of workers. Repeated names are stored as integers
 *  and ids as 16 bytes: on the same machine this raised appends from 12,000 to 28,000 per second, compared with a
 *  schema of texts. */
const FIRST = `
  CREATE TABLE flotilla_streams (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
  CREATE TABLE flotilla_types (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
  CREATE TABLE flotilla_consumers (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);

  CREATE TABLE flotilla_events (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
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
  CREATE INDEX flotilla_events_time ON flotilla_events (time);
  CREATE INDEX flotilla_events_correlation ON flotilla_events (correlation);
  CREATE TRIGGER flotilla_events_no_update BEFORE UPDATE ON flotilla_events
    BEGIN SELECT RAISE(ABORT, 'events are never changed'); END;
  CREATE TRIGGER flotilla_events_no_delete BEFORE DELETE ON flotilla_events
    BEGIN SELECT RAISE(ABORT, 'events are never deleted'); END;

  CREATE TABLE flotilla_inbox (
    consumer INTEGER NOT NULL, id BLOB NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (consumer, id)
  ) WITHOUT ROWID;
  CREATE TABLE flotilla_started (
    consumer INTEGER NOT NULL, id BLOB NOT NULL, count INTEGER NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (consumer, id)
  ) WITHOUT ROWID;

  CREATE TABLE flotilla_checkpoints (name TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE flotilla_leases (
    name TEXT PRIMARY KEY, holder TEXT NOT NULL, epoch INTEGER NOT NULL, expires INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE TABLE flotilla_timers (id TEXT PRIMARY KEY, due INTEGER NOT NULL, event TEXT NOT NULL) WITHOUT ROWID;
  CREATE INDEX flotilla_timers_due ON flotilla_timers (due);
  CREATE TABLE flotilla_migrations (
    owner TEXT NOT NULL, name TEXT NOT NULL, hash TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (owner, name)
  ) WITHOUT ROWID;
`;

/** Snapshots, stream metadata, and the archive. `flotilla_archived` contains the version and position up to which
 *  the events of a stream are archived. Only these may be deleted here; their ids stay, so that no id is stored
 *  twice. The index is described in `time-block-scan.ts`. */
const SECOND = `
  CREATE TABLE flotilla_snapshots (
    stream INTEGER PRIMARY KEY, version INTEGER NOT NULL, shape INTEGER NOT NULL, state TEXT NOT NULL
  );
  CREATE TABLE flotilla_stream_metadata (stream INTEGER PRIMARY KEY, metadata TEXT NOT NULL);

  CREATE TABLE flotilla_archived (stream INTEGER PRIMARY KEY, through INTEGER NOT NULL, position INTEGER NOT NULL);
  CREATE INDEX flotilla_archived_position ON flotilla_archived (position);
  CREATE TABLE flotilla_archived_ids (id BLOB PRIMARY KEY) WITHOUT ROWID;
  CREATE TRIGGER flotilla_archived_no_delete BEFORE DELETE ON flotilla_archived
    BEGIN SELECT RAISE(ABORT, 'what is archived stays so'); END;
  CREATE TRIGGER flotilla_archived_only_rises BEFORE UPDATE ON flotilla_archived WHEN NEW.through < OLD.through
    BEGIN SELECT RAISE(ABORT, 'what is archived stays so'); END;
  CREATE TRIGGER flotilla_archived_ids_no_delete BEFORE DELETE ON flotilla_archived_ids
    BEGIN SELECT RAISE(ABORT, 'what is archived stays so'); END;
  DROP TRIGGER flotilla_events_no_delete;
  CREATE TRIGGER flotilla_events_no_delete BEFORE DELETE ON flotilla_events
    WHEN NOT EXISTS (SELECT 1 FROM flotilla_archived a WHERE a.stream = OLD.stream AND a.through >= OLD.version)
      OR NOT EXISTS (SELECT 1 FROM flotilla_archived_ids i WHERE i.id = OLD.id)
    BEGIN SELECT RAISE(ABORT, 'events are never deleted, unless archived'); END;

  DROP INDEX flotilla_events_time;
  CREATE INDEX flotilla_events_block_time ON flotilla_events (position >> 9, time);
`;

/** The identity of the store, created with the file: a copy has the same one, a new file another. The duration of
 *  leases, so that an implausible end is recognized. The content of `Store.probe`. */
const THIRD = `
  CREATE TABLE flotilla_store (one INTEGER PRIMARY KEY CHECK (one = 1), id TEXT NOT NULL);
  ALTER TABLE flotilla_leases ADD COLUMN ttl INTEGER;
  CREATE TABLE flotilla_probes (id INTEGER PRIMARY KEY, filler BLOB NOT NULL);
`;

/** Events below the checkpoint of the relay that the broker has refused, and later events of their streams. */
const FOURTH = `
  CREATE TABLE flotilla_relay_deferred (position INTEGER PRIMARY KEY);
`;

/** The steps from schema version n to n + 1; the version is stored in `PRAGMA user_version`. Only append to this
 *  list. */
const STEPS = [FIRST, SECOND, THIRD, FOURTH];
const VERSION = STEPS.length;
/** The first version in which a store has an id. */
const WITH_ID = 3;

/** Creates missing tables and upgrades those of an earlier release; safe when several processes open a file at the
 *  same time. Returns the id of the store. Throws `config.invalid` when a newer release has written the file, and
 *  `store.replaced`, without any change, when the store has another id than `expected`. */
export function applySchema(db: Connection, expected?: string): string {
  return db
    .transaction(() => {
      const found = Number(db.pragma('user_version', { simple: true }));
      if (found > VERSION) {
        throw new FlotillaError(
          'config.invalid',
          `${db.name} has schema ${found}, this release knows ${VERSION}; upgrade it`,
        );
      }
      const id = found < WITH_ID ? undefined : storeIdOf(db);
      if (expected !== undefined && id !== expected) {
        throw new FlotillaError(
          'store.replaced',
          `${db.name} has ${id === undefined ? 'no id' : `the id ${id}`}, not ${expected}`,
        );
      }
      for (const step of STEPS.slice(found)) db.exec(step);
      if (found < VERSION) db.pragma(`user_version = ${VERSION}`);
      return id ?? assignStoreId(db);
    })
    .immediate();
}

/** Whether the store was brought up to date by this release, and has this id, if one is expected. Changes nothing. */
export function isOfThisRelease(db: Connection, expected: string | undefined): boolean {
  if (Number(db.pragma('user_version', { simple: true })) !== VERSION) return false;
  return expected === undefined || storeIdOf(db) === expected;
}

/** Undefined if the store has no id. */
function storeIdOf(db: Connection): string | undefined {
  return db.prepare<unknown[], string>('SELECT id FROM flotilla_store WHERE one = 1').pluck().get();
}

/** Assigns a new id to the store in this file and returns it. */
export function assignStoreId(db: Connection): string {
  const id = randomUUID();
  db.prepare('INSERT INTO flotilla_store (one, id) VALUES (1, ?) ON CONFLICT DO UPDATE SET id = excluded.id').run(id);
  return id;
}
