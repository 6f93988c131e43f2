import type { Store } from '../../store/store.js';
import { orderingMigrations } from './parked-table.js';
import { partitionMigrations } from './partitions/partition-table.js';

/** Creates the missing tables of ordered workers. */
export async function migrateOrdering(store: Pick<Store, 'migrate'>): Promise<void> {
  await store.migrate('ordering', orderingMigrations);
  await store.migrate('partitions', partitionMigrations);
}
