import { createHash } from 'node:crypto';
import type { Sql, Store } from '../../store/store.js';
import { contentDigestOfRow } from './content-digest.js';
import type { StoredRow } from './rows.js';

/** Rows per transaction; bodies of a megabyte each are overwritten. */
const BATCH_SIZE = 100;

/** Removes the bodies of dead letters that were discarded before a time (milliseconds), so that the store can reuse the
 *  space. Ids, error, attempts, hash, size and audit remain. Returns the number of removed bodies. */
export async function removeOldBodies(store: Store, before: number, signal: AbortSignal): Promise<number> {
  const time = new Date(before).toISOString();
  let removed = 0;
  while (!signal.aborted) {
    const count = await store.transaction(async ({ sql }) => {
      const rows = await sql<{ id: string }>`
        SELECT id FROM dead_letters
        WHERE state = 'discarded' AND body_removed IS NULL AND settled_at < ${time} LIMIT ${BATCH_SIZE}`;
      for (const { id } of rows) await removeBody(sql, id);
      return rows.length;
    });
    removed += count;
    if (count < BATCH_SIZE) break;
  }
  return removed;
}

/** Removes the body of a discarded dead letter, in the transaction of its discard. */
export async function removeBody(sql: Sql, id: string): Promise<void> {
  const [row] = await sql<StoredRow>`SELECT * FROM dead_letters WHERE id = ${id}`;
  if (row === undefined) return;
  const hash = row.body_hash ?? createHash('sha256').update(row.body).digest('hex');
  const size = row.body_size ?? row.body.length;
  await sql`
    UPDATE dead_letters SET body = ${Buffer.alloc(0)}, body_hash = ${hash}, body_size = ${size}, body_removed = 1,
      content = ${contentDigestOfRow(row)},
      replacement_body = NULL, search = ''
    WHERE id = ${id}`;
}
