import type { Store } from '../../store/store.js';
import { versionName } from '../definition.js';
import { paneStarts } from './panes-table.js';
import { readWindows } from './windows-table.js';

/** Deletes the state of a version: panes, revisions, late events and its position in the log. Its results stay. No process
 *  may compute it. Interrupted, it may be run again. Returns the number of deleted panes; undefined if the version has no
 *  state. */
export async function dropVersion(
  store: Pick<Store, 'query' | 'transaction'>,
  version: { name: string; version: number },
): Promise<number | undefined> {
  const row = await readWindows(store.query, version);
  if (row === undefined) return undefined;
  const { id } = row;
  let panes = 0;
  // a transaction for each start: one for all would block the other writers of the store
  for (const start of await paneStarts(store.query, id, Number.MIN_SAFE_INTEGER)) {
    const deleted = await store.transaction(
      ({ sql }) => sql`
        DELETE FROM flotilla_window_panes WHERE windows = ${id} AND pane_start = ${start} RETURNING pane_start`,
    );
    panes += deleted.length;
  }
  await store.transaction(async ({ sql }) => {
    await sql`DELETE FROM flotilla_window_results WHERE windows = ${id}`;
    await sql`DELETE FROM flotilla_window_late WHERE windows = ${id}`;
    await sql`DELETE FROM flotilla_window_recent WHERE windows = ${id}`;
    await sql`DELETE FROM flotilla_log_checkpoints WHERE reader = ${versionName(version)}`;
    await sql`DELETE FROM flotilla_windows WHERE id = ${id}`;
  });
  return panes;
}
