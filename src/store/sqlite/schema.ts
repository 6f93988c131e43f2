import { FlotillaError } from '../../errors.js';
import type { Connection } from './connection.js';

/** Counts up with every change of what is below; kept in the file as `PRAGMA user_version`. */
const VERSION = 1;

/**
 * The store's own tables; those of workers live beside them, hence the prefix. Names that repeat are integers, ids are
 * 16 bytes: with a schema of texts the same machine did 12,000 appends a second, with integers 28,000.
 */
const SCHEMA = `
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

/** Makes the tables where there are none; safe when several processes open a new file at once. Throws
 *  `config.invalid` when a newer release has written the file. */
export function applySchema(db: Connection): void {
  db.transaction(() => {
    const found = Number(db.pragma('user_version', { simple: true }));
    if (found > VERSION) {
      throw new FlotillaError(
        'config.invalid',
        `${db.name} has schema ${found}, this release knows ${VERSION}; upgrade it`,
      );
    }
    if (found === VERSION) return;
    db.exec(SCHEMA);
    db.pragma(`user_version = ${VERSION}`);
  }).immediate();
}
