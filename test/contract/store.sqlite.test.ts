import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Store } from '../../src/store/store.js';
import { openSqliteStore } from '../../src/store/sqlite/index.js';
import { storeContract } from './store.js';

storeContract('sqlite', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'flotilla-store-'));
  const opened: Store[] = [];
  return {
    async open({ clock, maxWaiting } = {}) {
      const store = await openSqliteStore({
        service: 'core',
        path: join(folder, 'core.db'),
        limits: { pollInterval: 5, ...(maxWaiting !== undefined && { maxWaiting }) },
        ...(clock !== undefined && { clock }),
      });
      opened.push(store);
      return store;
    },
    async dispose() {
      await Promise.all(opened.map((store) => store.close()));
      await rm(folder, { recursive: true, force: true });
    },
  };
});
