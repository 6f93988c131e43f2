import { openMemoryStore } from '../../../store/memory/index.js';
import type { WorkerDefinition } from '../../../worker/definition/worker-definition.js';
import { migrateWorker } from '../../../worker/prepare.js';
import { VirtualClock } from '../virtual-clock.js';

/** The migrated store of each service, which each run copies: migrations would take half of the time of a run. */
export async function storeImages(definitions: readonly WorkerDefinition[]): Promise<ReadonlyMap<string, Buffer>> {
  const images = new Map<string, Buffer>();
  const { now: clock } = new VirtualClock();
  for (const service of new Set(definitions.map(({ store }) => store))) {
    const store = openMemoryStore({ service, clock });
    for (const definition of definitions) if (definition.store === service) await migrateWorker(definition, store);
    images.set(service, store.image());
    await store.close();
  }
  return images;
}
