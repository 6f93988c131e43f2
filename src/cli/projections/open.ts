import { FlotillaError } from '../../errors.js';
import { migrateProjections } from '../../projections/prepare.js';
import type { Projection } from '../../projections/projection.js';
import type { Store } from '../../store/contract.js';
import type { Context } from '../context.js';
import { enabledWorkers } from '../enabled-workers.js';
import { withExistingStores, type FindStore } from '../existing-stores.js';
import { UsageError } from '../failure.js';

/** A projection of the fleet, with who keeps it and where. */
export interface KnownProjection {
  projection: Projection;
  worker: string;
  service: string;
}

/** Those of the enabled workers, by name. */
export async function knownProjections(context: Context): Promise<KnownProjection[]> {
  return enabledWorkers(await context.fleet(), context.config)
    .flatMap(({ name: worker, definition: { store: service, projections } }) =>
      projections.map((projection) => ({ projection, worker, service })),
    )
    .sort((a, b) => (a.projection.name < b.projection.name ? -1 : 1));
}

/** Those of these names. Throws `UsageError` for one that there is not, saying which there are. */
export function chosen(known: readonly KnownProjection[], names: readonly string[]): KnownProjection[] {
  return [...new Set(names)].map((name) => {
    const found = known.find(({ projection }) => projection.name === name);
    if (found !== undefined) return found;
    const all = known.map(({ projection }) => projection.name).join(', ') || 'none';
    throw new UsageError(`there is no projection ${JSON.stringify(name)}, only ${all}`);
  });
}

/** The stores of projections. */
export interface ModelStores {
  /** Undefined for a store that was never made. */
  find: FindStore;
  /** Throws `projection.not_found` for a store that was never made. */
  get: (known: KnownProjection) => Promise<Store>;
}

/** Runs `work` with the stores of projections, and closes them afterwards. Makes none. */
export async function withStores<T>(context: Context, work: (stores: ModelStores) => Promise<T>): Promise<T> {
  return withExistingStores(context, migrateProjections, (find) => {
    const get = async ({ projection, service }: KnownProjection): Promise<Store> => {
      const store = await find(service);
      if (store !== undefined) return store;
      throw new FlotillaError('projection.not_found', `${projection.name}: the store ${service} has not been made yet`);
    };
    return work({ find, get });
  });
}
