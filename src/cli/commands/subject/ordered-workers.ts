import { FlotillaError } from '../../../errors.js';
import { enabledWorkers, findWorker } from '../../../runtime/fleet/enabled-workers.js';
import type { FleetSession } from '../../../runtime/operator/fleet-session.js';
import type { Store } from '../../../store/store.js';
import type { WorkerDefinition } from '../../../worker/definition/worker-definition.js';
import { migrateOrdering } from '../../../worker/ordering/migrate-ordering.js';
import { countWaiting, orderingMigrations } from '../../../worker/ordering/parked-table.js';

/** The enabled workers that handle messages in order. */
export function orderedWorkers({ fleet, config }: Pick<FleetSession, 'fleet' | 'config'>): WorkerDefinition[] {
  return enabledWorkers(fleet, config).filter(({ ordering }) => ordering !== undefined);
}

/** The ordered worker of that name. Throws `name.unknown`, and `worker.not_ordered`. */
export function findOrdered({ fleet, config }: Pick<FleetSession, 'fleet' | 'config'>, name: string): WorkerDefinition {
  const worker = findWorker(enabledWorkers(fleet, config), name);
  if (worker.ordering === undefined) throw new FlotillaError('worker.not_ordered', name);
  return worker;
}

/** The store of an ordered worker; undefined if it is not on this machine. */
export async function orderedStore(
  { stores }: Pick<FleetSession, 'stores'>,
  { store: service }: Pick<WorkerDefinition, 'store'>,
): Promise<Store | undefined> {
  const store = await stores.find(service);
  if (store !== undefined) await migrateOrdering(store);
  return store;
}

/** What waits at an ordered worker. */
export interface WaitingCount {
  worker: string;
  parked: number;
  held: number;
}

/** What waits at the ordered workers whose stores are on this machine. */
export async function waitingCounts(
  session: Pick<FleetSession, 'fleet' | 'config' | 'stores'>,
): Promise<WaitingCount[]> {
  const counts: WaitingCount[] = [];
  for (const worker of orderedWorkers(session)) {
    const migrations = { ordering: orderingMigrations };
    const found = await session.stores.query(worker.store, migrations, (query) => countWaiting(query, worker.name));
    if (found !== undefined) counts.push({ worker: worker.name, ...found });
  }
  return counts;
}
