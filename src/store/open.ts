import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { FlotillaError } from '../errors.js';
import type { Store } from './store.js';
import { openSqliteStore, type SqliteStoreOptions } from './sqlite/index.js';
import type { StoreRecord, StoreRegistry } from './store-registry.js';

export interface StoreOptions extends Pick<SqliteStoreOptions, 'logger' | 'onFailure'> {
  /** The recorded stores of the fleet's services. A recorded service gets the store with the recorded id, or an
   *  error. @default every store is accepted */
  registry?: StoreRegistry;
  /** Whether to create a store for a service that never had one, and to record a store that is not recorded yet.
   *  @default true */
  create?: boolean;
}

/** Opens the store of a service at `databaseUrl`, such as `sqlite:data/{service}.db`; `{service}` is replaced by the
 *  service's name. Rejects with `config.invalid` for an unsupported URL, and with `store.missing`, `store.replaced`
 *  or `store.damaged` when the store is not the recorded one. */
export async function openStore(
  databaseUrl: string,
  service: string,
  { registry, create = true, ...options }: StoreOptions = {},
): Promise<Store> {
  const path = resolve(sqlitePath(databaseUrl, service));
  const known = registry?.find(service);
  const mustExist = known !== undefined || !create;
  if (mustExist && !existsSync(path)) throw new FlotillaError('store.missing', whereItWas(service, path, known));
  const expectedId = known?.id;
  const store = await openSqliteStore({ ...options, service, path, mustExist, expectedId });
  if (registry !== undefined && known === undefined && create) {
    try {
      registry.set(service, { id: store.id, path, since: new Date().toISOString() });
    } catch (error) {
      await store.close();
      throw error;
    }
  }
  return store;
}

function whereItWas(service: string, path: string, known: StoreRecord | undefined): string {
  if (known === undefined) return `${service}, ${path}`;
  const elsewhere = known.path === path ? '' : `, then at ${known.path}`;
  return `${service} has had a store since ${known.since}${elsewhere}, and there is no ${path}; put the file back, or give the store up: flotilla stores accept ${service}`;
}

/** Returns the file of a `sqlite:` URL for this service. Throws `config.invalid` for any other URL. */
export function sqlitePath(databaseUrl: string, service: string): string {
  if (/^postgres(ql)?:/.test(databaseUrl)) {
    throw new FlotillaError(
      'config.invalid',
      'DATABASE_URL: postgres:// is not supported yet; use sqlite:data/{service}.db',
    );
  }
  const path = /^sqlite:(?:\/\/(?=\/))?(.+)$/.exec(databaseUrl)?.[1]?.replaceAll('{service}', service);
  if (path === undefined || path.startsWith(':')) {
    throw new FlotillaError('config.invalid', 'DATABASE_URL is not of the form sqlite:data/{service}.db');
  }
  return path;
}
