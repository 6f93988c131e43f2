import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { databaseUrlFor } from '../../../config/load.js';
import { FlotillaError } from '../../errors.js';
import { migrateProjections } from '../../projections/prepare.js';
import type { Projection } from '../../projections/projection.js';
import type { Store } from '../../store/contract.js';
import { openStore, sqlitePath } from '../../store/open.js';
import type { Context } from '../context.js';
import { enabledWorkers } from '../enabled-workers.js';
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
  find: (service: string) => Promise<Store | undefined>;
  /** Throws `projection.not_found` for a store that was never made. */
  get: (known: KnownProjection) => Promise<Store>;
}

/** Runs `work` with the stores of projections, and closes them afterwards. Makes none. */
export async function withStores<T>(context: Context, work: (stores: ModelStores) => Promise<T>): Promise<T> {
  const opened = new Map<string, Promise<Store>>();
  const find = async (service: string): Promise<Store | undefined> => {
    const known = opened.get(service);
    if (known !== undefined) return known;
    const url = databaseUrlFor(context.config, service);
    if (url.startsWith('sqlite:') && !existsSync(resolve(context.cwd, sqlitePath(url, service)))) return undefined;
    const opening = openStore(url, service);
    opened.set(service, opening);
    const store = await opening;
    await migrateProjections(store);
    return store;
  };
  const get = async ({ projection, service }: KnownProjection): Promise<Store> => {
    const store = await find(service);
    if (store !== undefined) return store;
    throw new FlotillaError('projection.not_found', `${projection.name}: the store ${service} has not been made yet`);
  };
  try {
    return await work({ find, get });
  } finally {
    await Promise.allSettled([...opened.values()].map(async (store) => (await store).close()));
  }
}
