import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { databaseUrlFor } from '../../config/load.js';
import type { Store } from '../store/contract.js';
import { openStore, sqlitePath } from '../store/open.js';
import type { Context } from './context.js';

/** Opens the store of a service; undefined for one that was never made. */
export type FindStore = (service: string) => Promise<Store | undefined>;

/** Whether the store of a service exists, as far as that can be seen from here. */
export function hasStore({ config, cwd }: Pick<Context, 'config' | 'cwd'>, service: string): boolean {
  const url = databaseUrlFor(config, service);
  return !url.startsWith('sqlite:') || existsSync(resolve(cwd, sqlitePath(url, service)));
}

/** Runs `work` with stores of this fleet, each prepared as it is opened, and closes them afterwards. Makes none. */
export async function withExistingStores<T>(
  context: Context,
  prepare: (store: Store) => Promise<void>,
  work: (find: FindStore) => Promise<T>,
): Promise<T> {
  const opened = new Map<string, Promise<Store>>();
  const find: FindStore = async (service) => {
    const known = opened.get(service);
    if (known !== undefined) return known;
    if (!hasStore(context, service)) return undefined;
    const opening = openStore(databaseUrlFor(context.config, service), service);
    opened.set(service, opening);
    const store = await opening;
    await prepare(store);
    return store;
  };
  try {
    return await work(find);
  } finally {
    await Promise.allSettled([...opened.values()].map(async (store) => (await store).close()));
  }
}
