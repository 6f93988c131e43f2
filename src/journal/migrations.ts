import type { Migration, Store } from '../store/store.js';

/** The second column of each index sorts its rows by time. A gap records when it was noticed, and when the events of
 *  all reachable stores had been added; a loss records which events of the journal a store lacks;
 *  `journal_seen` counts the events, see `seen.ts`. */
const migrations: readonly Migration[] = [
  {
    name: '1-journal',
    sql: `
      CREATE TABLE journal_events (
        row_number INTEGER PRIMARY KEY,
        id TEXT NOT NULL,
        source TEXT NOT NULL,
        type TEXT NOT NULL,
        subject TEXT NOT NULL,
        correlation_id TEXT NOT NULL,
        time BIGINT NOT NULL,
        log_offset BIGINT,
        body TEXT NOT NULL
      );
      CREATE UNIQUE INDEX journal_events_id ON journal_events (id, source);
      CREATE INDEX journal_events_type ON journal_events (type, time);
      CREATE INDEX journal_events_source ON journal_events (source, time);
      CREATE INDEX journal_events_subject ON journal_events (subject, time);
      CREATE INDEX journal_events_correlation ON journal_events (correlation_id, time);
      CREATE INDEX journal_events_time ON journal_events (time);
      CREATE TABLE journal_gaps (
        number INTEGER PRIMARY KEY,
        kind TEXT NOT NULL,
        noticed_at TEXT NOT NULL,
        filled_at TEXT,
        out_of_reach TEXT
      );
      CREATE TABLE journal_sources (source TEXT NOT NULL PRIMARY KEY, position BIGINT NOT NULL);
    `,
  },
  {
    name: '2-losses',
    sql: `
      CREATE TABLE journal_losses (
        source TEXT NOT NULL,
        through_row BIGINT NOT NULL,
        events BIGINT NOT NULL,
        since BIGINT NOT NULL,
        until BIGINT NOT NULL,
        noticed_at TEXT NOT NULL,
        PRIMARY KEY (source, through_row)
      );
    `,
  },
  {
    name: '3-seen',
    sql: `
      CREATE TABLE journal_seen (
        source TEXT NOT NULL,
        type TEXT NOT NULL,
        count BIGINT NOT NULL,
        first_at BIGINT NOT NULL,
        last_at BIGINT NOT NULL,
        recent DOUBLE PRECISION NOT NULL,
        PRIMARY KEY (source, type)
      );
    `,
  },
];

/** Creates the tables of the journal in its store. Idempotent; await it before any other function of this module. */
export async function migrateJournal(store: Pick<Store, 'migrate'>): Promise<void> {
  await store.migrate('journal', migrations);
}
