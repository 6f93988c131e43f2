import { FlotillaError } from '../errors.js';
import type { Store } from '../store/store.js';
import { orderingMigrations } from '../worker/ordering/parked-table.js';
import { forgetPassed } from '../worker/ordering/passed-table.js';
import type { WorkerDefinition } from '../worker/definition/worker-definition.js';

/** Empties the worker's tables and its inbox in one transaction: from then on every event counts once, live or
 *  replayed, whichever delivery arrives first. Runs once per replay; returns false if it has already run. */
export async function resetWorker(
  store: Store,
  { name, reset, ordering }: WorkerDefinition,
  run: string,
): Promise<boolean> {
  if (reset === undefined) throw new FlotillaError('replay.refused', `${name} declares no reset`);
  if (ordering?.sequence !== undefined) await store.migrate('ordering', orderingMigrations);
  return store.transaction(async (tx) => {
    if (!(await tx.markHandled({ consumer: `${name}:reset`, source: 'replay', id: run }))) return false;
    await reset({ sql: tx.sql });
    await tx.forgetHandled(name);
    await tx.forgetHandled(`${name}:exhausted`);
    if (ordering?.sequence !== undefined) await forgetPassed(tx.sql, name);
    return true;
  });
}
