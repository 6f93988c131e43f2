import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Store } from '../../../src/store/store.js';
import { openSqliteStore, type SqliteStoreOptions } from '../../../src/store/sqlite/index.js';

/** A folder with one store file; `dispose` closes the stores that it opened and removes the folder. */
export async function createTempStore() {
  const folder = await mkdtemp(join(tmpdir(), 'flotilla-store-'));
  const path = join(folder, 'core.db');
  const opened: Store[] = [];
  return {
    folder,
    path,
    async open(options: Partial<SqliteStoreOptions> = {}): Promise<Store> {
      const store = await openSqliteStore({ service: 'core', path, ...options });
      opened.push(store);
      return store;
    },
    async dispose(): Promise<void> {
      await Promise.all(opened.map((store) => store.close()));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export type TempStore = Awaited<ReturnType<typeof createTempStore>>;
