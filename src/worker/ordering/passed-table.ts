import type { Sql } from '../../store/store.js';
import { parkedMessageOf, type ParkedMessage, type ParkedRow } from './parked-table.js';

/** The last number of a key that is not waited for: it was handled, or the worker continued without it. */
export async function passedNumber(sql: Sql, worker: string, key: string): Promise<number | undefined> {
  const [row] = await sql<{ number: number }>`
    SELECT number FROM flotilla_passed WHERE worker = ${worker} AND key = ${key}`;
  return row && Number(row.number);
}

/** Raises the last number of a key; a higher one remains. `at`: milliseconds since the epoch. */
export async function raisePassed(
  sql: Sql,
  worker: string,
  { key, number, at }: { key: string; number: number; at: number },
): Promise<void> {
  await sql`
    INSERT INTO flotilla_passed (worker, key, number, at) VALUES (${worker}, ${key}, ${number}, ${at})
    ON CONFLICT (worker, key) DO UPDATE SET number = excluded.number, at = excluded.at
    WHERE excluded.number > flotilla_passed.number`;
}

/** Forgets the numbers of all keys: each sequence begins again. */
export async function forgetPassed(sql: Sql, worker: string): Promise<void> {
  await sql`DELETE FROM flotilla_passed WHERE worker = ${worker}`;
}

/** Whether a message of the key with this number, or a lower one, is parked. */
export async function isParkedUpTo(sql: Sql, worker: string, key: string, number: number): Promise<boolean> {
  const rows = await sql`
    SELECT 1 AS found FROM flotilla_parked
    WHERE worker = ${worker} AND key = ${key} AND sequence <= ${number} LIMIT 1`;
  return rows.length > 0;
}

/** The first message of each key that is not held, those due first before the others, at most `limit`. A message that waits
 *  for an earlier one is due `gapTimeout` milliseconds after the last progress of its key, and not before `notBefore`. */
export async function headsInSequence(
  sql: Sql,
  worker: string,
  { limit, gapTimeout, notBefore }: { limit: number; gapTimeout: number; notBefore: number },
): Promise<ParkedMessage[]> {
  const rows = await sql<ParkedRow & { due: number }>`
    SELECT * FROM (
      SELECT parked.*,
        CASE WHEN parked.sequence <= COALESCE(passed.number, 0) + 1 THEN parked.due_at
          WHEN passed.at > parked.since AND passed.at > ${notBefore} THEN passed.at + ${gapTimeout}
          WHEN parked.since > ${notBefore} THEN parked.since + ${gapTimeout}
          ELSE ${notBefore + gapTimeout} END AS due
      FROM (SELECT key, MIN(sequence) AS sequence FROM flotilla_parked WHERE worker = ${worker} GROUP BY key) AS head
      JOIN flotilla_parked AS parked
        ON parked.worker = ${worker} AND parked.key = head.key AND parked.sequence = head.sequence
      LEFT JOIN flotilla_passed AS passed ON passed.worker = ${worker} AND passed.key = head.key
      WHERE NOT EXISTS (SELECT 1 FROM flotilla_held WHERE worker = ${worker} AND key = parked.key)
    ) AS heads ORDER BY due, place LIMIT ${limit}`;
  return rows.map((row) => ({ ...parkedMessageOf(row), dueAt: Number(row.due) }));
}
