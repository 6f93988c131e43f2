import type { Sql } from '../../store/store.js';

/** Records another result of a window that can be corrected, and returns its revision. */
export async function nextRevision(sql: Sql, windows: number, end: number, key: string): Promise<number> {
  const [row] = await sql<{ revision: number }>`
    INSERT INTO flotilla_window_results (windows, window_end, window_key, revision)
    VALUES (${windows}, ${end}, ${key}, 0)
    ON CONFLICT (windows, window_end, window_key) DO UPDATE SET revision = flotilla_window_results.revision + 1
    RETURNING revision`;
  return Number(row?.revision ?? 0);
}

/** Records the revision of the last result of a window. */
export async function setRevision(
  sql: Sql,
  windows: number,
  { key, end, revision }: { key: string; end: number; revision: number },
): Promise<void> {
  await sql`
    INSERT INTO flotilla_window_results (windows, window_end, window_key, revision)
    VALUES (${windows}, ${end}, ${key}, ${revision})
    ON CONFLICT (windows, window_end, window_key) DO UPDATE SET revision = excluded.revision`;
}

/** Deletes the rows of windows that ended before a time. */
export async function deleteRevisions(sql: Sql, windows: number, before: number): Promise<void> {
  await sql`DELETE FROM flotilla_window_results WHERE windows = ${windows} AND window_end < ${before}`;
}
