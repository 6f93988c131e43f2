import type { Migration, Sql, Store } from '../store/contract.js';
import type { LogPlace } from './place.js';

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

/** Makes the table in which a store remembers how far its readers of the log are. Idempotent. */
export async function migrateLogCheckpoints(store: Pick<Store, 'migrate'>): Promise<void> {
  await store.migrate('log', migrations);
}

/** Up to where a reader is done with the log; undefined for one that has never begun. */
export async function logCheckpoint(sql: Sql, reader: string): Promise<LogPlace | undefined> {
  const [row] = await sql<{ log_offset: number; mark: string }>`
    SELECT log_offset, mark FROM flotilla_log_checkpoints WHERE reader = ${reader}`;
  return row && { offset: Number(row.log_offset), mark: row.mark };
}

/** Moves a reader from one place to another; false, and nothing is done, when it is not there: another process has moved
 *  it. */
export async function moveLogCheckpoint(
  sql: Sql,
  reader: string,
  from: LogPlace | undefined,
  to: LogPlace,
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
