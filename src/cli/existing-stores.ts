import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { databaseUrlFor } from '../../config/load.js';
import type { Store } from '../store/contract.js';
import { openStore, sqlitePath } from '../store/open.js';
import type { Context } from './context.js';

/** Opens the store of a service; undefined for one that was never made. */
export type FindStore = (service: string) => Promise<Store | undefined>;

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
    const url = databaseUrlFor(context.config, service);
    if (url.startsWith('sqlite:') && !existsSync(resolve(context.cwd, sqlitePath(url, service)))) return undefined;
    const opening = openStore(url, service);
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
