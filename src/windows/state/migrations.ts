import type { Migration, Store } from '../../store/store.js';

/** Each version of a definition has a row in `flotilla_windows` and rows of its own in the other tables. Times are
 *  milliseconds since the epoch. `closing_end` and `closing_key`: the last result of a window whose other keys are not
 *  emitted yet. `flotilla_window_results`: the last revision of each window that can still be corrected.
 *  `flotilla_window_recent`: the ids of the last events, to detect repeated ones, and those of their
 *  parts. `part`: names a part of an event; empty for an event that is not split. `frozen_by`: the rewind for
 *  which the computation waits. `rewinds`: counts those that have changed panes, which a computation then loads again. */
const migrations: readonly Migration[] = [
  {
    name: '1-windows',
    sql: `
      CREATE TABLE flotilla_windows (
        id BIGINT NOT NULL PRIMARY KEY,
        name TEXT NOT NULL,
        version BIGINT NOT NULL,
        parameters TEXT NOT NULL,
        made_at TEXT NOT NULL,
        watermark BIGINT,
        sources TEXT NOT NULL,
        seen_at BIGINT,
        closing_end BIGINT,
        closing_key TEXT,
        results BIGINT NOT NULL,
        corrections BIGINT NOT NULL,
        late BIGINT NOT NULL,
        refused BIGINT NOT NULL,
        UNIQUE (name, version)
      );
      CREATE TABLE flotilla_window_panes (
        windows BIGINT NOT NULL,
        pane_start BIGINT NOT NULL,
        pane_key TEXT NOT NULL,
        count BIGINT NOT NULL,
        late BIGINT NOT NULL,
        state TEXT NOT NULL,
        PRIMARY KEY (windows, pane_start, pane_key)
      );
      CREATE TABLE flotilla_window_results (
        windows BIGINT NOT NULL,
        window_end BIGINT NOT NULL,
        window_key TEXT NOT NULL,
        revision BIGINT NOT NULL,
        PRIMARY KEY (windows, window_end, window_key)
      );
      CREATE TABLE flotilla_window_late (
        windows BIGINT NOT NULL,
        event_id TEXT NOT NULL,
        source TEXT NOT NULL,
        type TEXT NOT NULL,
        window_key TEXT NOT NULL,
        time BIGINT NOT NULL,
        outcome TEXT NOT NULL,
        window_end BIGINT NOT NULL,
        late_by BIGINT NOT NULL,
        code TEXT NOT NULL,
        message TEXT NOT NULL,
        at BIGINT NOT NULL,
        PRIMARY KEY (windows, source, event_id)
      );
      CREATE INDEX flotilla_window_late_at ON flotilla_window_late (windows, at);
      CREATE TABLE flotilla_window_recent (
        windows BIGINT NOT NULL,
        number BIGINT NOT NULL,
        ids TEXT NOT NULL,
        PRIMARY KEY (windows, number)
      );
    `,
  },
  {
    name: '2-freeze',
    sql: `
      ALTER TABLE flotilla_windows ADD COLUMN frozen_by TEXT;
      ALTER TABLE flotilla_windows ADD COLUMN frozen_until BIGINT;
    `,
  },
  {
    name: '3-rewinds',
    sql: 'ALTER TABLE flotilla_windows ADD COLUMN rewinds BIGINT NOT NULL DEFAULT 0;',
  },
  {
    name: '4-parts',
    sql: `
      ALTER TABLE flotilla_window_recent ADD COLUMN kind TEXT NOT NULL DEFAULT 'event';
      ALTER TABLE flotilla_window_late RENAME TO flotilla_window_late_1;
      DROP INDEX flotilla_window_late_at;
      CREATE TABLE flotilla_window_late (
        windows BIGINT NOT NULL,
        event_id TEXT NOT NULL,
        part TEXT NOT NULL,
        source TEXT NOT NULL,
        type TEXT NOT NULL,
        window_key TEXT NOT NULL,
        time BIGINT NOT NULL,
        outcome TEXT NOT NULL,
        window_end BIGINT NOT NULL,
        late_by BIGINT NOT NULL,
        code TEXT NOT NULL,
        message TEXT NOT NULL,
        at BIGINT NOT NULL,
        CONSTRAINT flotilla_window_late_key PRIMARY KEY (windows, source, event_id, part)
      );
      INSERT INTO flotilla_window_late
        (windows, event_id, part, source, type, window_key, time, outcome, window_end, late_by, code, message, at)
      SELECT windows, event_id, '', source, type, window_key, time, outcome, window_end, late_by, code, message, at
      FROM flotilla_window_late_1;
      DROP TABLE flotilla_window_late_1;
      CREATE INDEX flotilla_window_late_at ON flotilla_window_late (windows, at);
    `,
  },
];

/** Creates the tables of windows in a store. Idempotent. */
export async function migrateWindows(store: Pick<Store, 'migrate'>): Promise<void> {
  await store.migrate('windows', migrations);
}
