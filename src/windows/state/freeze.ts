import { FlotillaError } from '../../errors.js';
import type { Sql, Store } from '../../store/store.js';

/** Milliseconds after which a freeze ends whose process has ended. */
const FREEZE_MS = 30_000;

/** Prevents changes of the windows by other processes for 30 seconds. Throws `windows.frozen` if another process has frozen
 *  them. */
export async function freeze(store: Store, windows: number, { who, now }: { who: string; now: number }): Promise<void> {
  const frozen = await store.transaction(
    ({ sql }) => sql`
      UPDATE flotilla_windows SET frozen_by = ${who}, frozen_until = ${now + FREEZE_MS}
      WHERE id = ${windows} AND (frozen_by IS NULL OR frozen_by = ${who} OR frozen_until < ${now}) RETURNING id`,
  );
  if (frozen.length === 0) throw new FlotillaError('windows.frozen');
}

/** Prolongs a freeze of this process by 30 seconds. Throws `windows.frozen` if it has ended, so that the windows may have
 *  changed. */
export async function prolongFreeze(sql: Sql, windows: number, { who, now }: { who: string; now: number }) {
  const frozen = await sql`
    UPDATE flotilla_windows SET frozen_until = ${now + FREEZE_MS}
    WHERE id = ${windows} AND frozen_by = ${who} AND frozen_until >= ${now} RETURNING id`;
  if (frozen.length === 0) throw new FlotillaError('windows.frozen', 'the rewind took too long; run it again');
}

/** Ends a freeze of this process. */
export async function unfreeze(store: Store, windows: number, who: string): Promise<void> {
  await store.transaction(
    ({ sql }) => sql`
      UPDATE flotilla_windows SET frozen_by = NULL, frozen_until = NULL WHERE id = ${windows} AND frozen_by = ${who}`,
  );
}

/** Records that panes are changed: computations that have them in memory load them again. */
export async function countRewind(sql: Sql, windows: number): Promise<void> {
  await sql`UPDATE flotilla_windows SET rewinds = rewinds + 1 WHERE id = ${windows}`;
}

/** Throws `windows.frozen` if another process has frozen the windows, or has changed their panes since the state with this
 *  number of rewinds was loaded. */
export async function requireCurrent(
  sql: Sql,
  windows: number,
  { now, rewinds }: { now: number; rewinds: number },
): Promise<void> {
  const rows = await sql`
    SELECT 1 AS found FROM flotilla_windows
    WHERE id = ${windows} AND (rewinds <> ${rewinds} OR (frozen_by IS NOT NULL AND frozen_until >= ${now}))`;
  if (rows.length > 0) throw new FlotillaError('windows.frozen');
}
