import { FlotillaError } from '../../../errors.js';
import { migrateProjections } from '../../../projections/tables/prepare.js';
import type { ProjectionDefinition } from '../../../projections/definition.js';
import { unknownName } from '../../../text/known-names.js';
import type { Store } from '../../../store/store.js';
import type { Context } from '../../shared/context.js';
import { enabledWorkers } from '../../../runtime/fleet/enabled-workers.js';
import { withExistingStores, type ExistingStores } from '../../../runtime/stores/existing-stores.js';
import { describeUnread } from '../../../runtime/stores/existing-stores.js';

/** A projection of the fleet, with its owner and its store. */
export interface KnownProjection {
  projection: ProjectionDefinition;
  worker: string;
  service: string;
}

/** Returns the projections of the enabled workers, by name. */
export async function knownProjections(context: Context): Promise<KnownProjection[]> {
  return enabledWorkers(await context.fleet(), context.config)
    .flatMap(({ name: worker, store: service, projections }) =>
      projections.map((projection) => ({ projection, worker, service })),
    )
    .sort((a, b) => (a.projection.name < b.projection.name ? -1 : 1));
}

/** Returns the projections with these names. Throws `name.unknown`. */
export function chosen(known: readonly KnownProjection[], names: readonly string[]): KnownProjection[] {
  return [...new Set(names)].map((name) => {
    const found = known.find(({ projection }) => projection.name === name);
    if (found !== undefined) return found;
    throw unknownName(
      'projection',
      name,
      known.map(({ projection }) => projection.name),
    );
  });
}

/** The stores of projections. */
export interface ModelStores extends ExistingStores {
  /** Throws `store.missing` for a store that is not on this machine. */
  get: (known: KnownProjection) => Promise<Store>;
}

/** Runs `work` with the stores of projections, and closes them afterwards. Creates no store. */
export async function withStores<T>(context: Context, work: (stores: ModelStores) => Promise<T>): Promise<T> {
  return withExistingStores(context, migrateProjections, (stores) => {
    const get = async ({ service }: KnownProjection): Promise<Store> => {
      const store = await stores.find(service);
      if (store !== undefined) return store;
      throw new FlotillaError('store.missing', describeUnread(context, [service]));
    };
    return work(Object.assign(stores, { get }));
  });
}
