import { enabledWorkers, findWorker } from '../../../runtime/fleet/enabled-workers.js';
import { withExistingStores } from '../../../runtime/stores/existing-stores.js';
import { hasQueue } from '../../../worker/definition/queues.js';
import { quarantineMigrations } from '../../../worker/quarantine/quarantine-table.js';
import { summarizeQuarantine, type QuarantinedKind } from '../../../worker/quarantine/quarantine-summary.js';
import type { Store } from '../../../store/store.js';
import type { Context } from '../../shared/context.js';

/** Quarantined messages of one worker, type, version, producer and reason. */
export interface Quarantined extends Omit<QuarantinedKind, 'oldest'> {
  worker: string;
  /** RFC 3339: when the first of them was quarantined. */
  oldest: string;
}

/** What is quarantined, as recorded in the stores of the workers, and the services whose stores are not on this machine.
 *  @param worker one worker. @default all */
export async function quarantined(
  context: Context,
  worker?: string,
): Promise<{ items: Quarantined[]; unread: readonly string[] }> {
  const all = enabledWorkers(await context.fleet(), context.config).filter(hasQueue);
  const workers = worker === undefined ? all : [findWorker(all, worker)];
  const prepare = (store: Store) => store.migrate('quarantine', quarantineMigrations);
  return withExistingStores(context, prepare, async (stores) => {
    const items: Quarantined[] = [];
    for (const { name, store: service } of workers) {
      const store = await stores.find(service);
      const kinds = store === undefined ? [] : await summarizeQuarantine(store.query, name);
      items.push(...kinds.map((kind) => ({ worker: name, ...kind, oldest: new Date(kind.oldest).toISOString() })));
    }
    return { items, unread: stores.unread };
  });
}
