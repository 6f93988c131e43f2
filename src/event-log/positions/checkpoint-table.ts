import type { Migration, Sql, Store } from '../../store/store.js';
import type { LogPosition } from './position.js';

const migrations: readonly Migration[] = [
  {
    name: '1-log-checkpoints',
    sql: `
      CREATE TABLE flotilla_log_checkpoints (
        reader TEXT NOT NULL PRIMARY KEY,
        log_offset BIGINT NOT NULL,
        mark TEXT NOT NULL
      );
    `,
  },
];

/** Creates the table of the checkpoints of log consumers. Idempotent. */
export async function migrateLogCheckpoints(store: Pick<Store, 'migrate'>): Promise<void> {
  await store.migrate('log', migrations);
}

/** Returns the position up to which a consumer has processed the log; undefined for a new consumer. */
export async function logCheckpoint(sql: Sql, reader: string): Promise<LogPosition | undefined> {
  const [row] = await sql<{ log_offset: number; mark: string }>`
    SELECT log_offset, mark FROM flotilla_log_checkpoints WHERE reader = ${reader}`;
  return row && { offset: Number(row.log_offset), mark: row.mark };
}

/** Moves the checkpoint of a consumer; false, without a change, when it is not at `from` because another process has
 *  moved it. */
export async function moveLogCheckpoint(
  sql: Sql,
  reader: string,
  from: LogPosition | undefined,
  to: LogPosition,
): Promise<boolean> {
  const moved =
    from === undefined
      ? await sql`
          INSERT INTO flotilla_log_checkpoints (reader, log_offset, mark) VALUES (${reader}, ${to.offset}, ${to.mark})
          ON CONFLICT (reader) DO NOTHING RETURNING reader`
      : await sql`
          UPDATE flotilla_log_checkpoints SET log_offset = ${to.offset}, mark = ${to.mark}
          WHERE reader = ${reader} AND log_offset = ${from.offset} AND mark = ${from.mark} RETURNING reader`;
  return moved.length > 0;
}
