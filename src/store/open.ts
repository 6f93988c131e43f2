import { FlotillaError } from '../errors.js';
import type { Store } from './contract.js';
import { openSqliteStore, type SqliteStoreOptions } from './sqlite/index.js';

export type StoreOptions = Omit<SqliteStoreOptions, 'service' | 'path'>;

/** Opens the store of a service where `databaseUrl` says: `sqlite:data/{service}.db`. `{service}` stands for the
 *  service's name. Rejects with `config.invalid` when the URL names no engine there is. */
export async function openStore(databaseUrl: string, service: string, options: StoreOptions = {}): Promise<Store> {
  return openSqliteStore({ ...options, service, path: sqlitePath(databaseUrl, service) });
}

/** The file that a `sqlite:` URL means for this service. Throws `config.invalid` for any other URL. */
export function sqlitePath(databaseUrl: string, service: string): string {
  if (/^postgres(ql)?:/.test(databaseUrl)) {
    throw new FlotillaError(
      'config.invalid',
      'DATABASE_URL: postgres:// is not built in yet; use sqlite:data/{service}.db',
    );
  }
  const path = /^sqlite:(?:\/\/(?=\/))?(.+)$/.exec(databaseUrl)?.[1]?.replaceAll('{service}', service);
  if (path === undefined || path.startsWith(':')) {
    throw new FlotillaError('config.invalid', 'DATABASE_URL is not of the form sqlite:data/{service}.db');
  }
  return path;
}
