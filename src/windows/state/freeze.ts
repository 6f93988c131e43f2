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

/** Ends a freeze of this process. */
export async function unfreeze(store: Store, windows: number, who: string): Promise<void> {
  await store.transaction(
    ({ sql }) => sql`
      UPDATE flotilla_windows SET frozen_by = NULL, frozen_until = NULL WHERE id = ${windows} AND frozen_by = ${who}`,
  );
}

/** Whether another process has frozen the windows. */
export async function isFrozen(sql: Sql, windows: number, now: number, who = ''): Promise<boolean> {
  const rows = await sql`
    SELECT 1 AS found FROM flotilla_windows WHERE id = ${windows} AND frozen_by <> ${who} AND frozen_until >= ${now}`;
  return rows.length > 0;
}

/** Throws `windows.frozen` if another process has frozen the windows. */
export async function requireUnfrozen(sql: Sql, windows: number, now: number, who?: string): Promise<void> {
  if (await isFrozen(sql, windows, now, who)) throw new FlotillaError('windows.frozen');
}
