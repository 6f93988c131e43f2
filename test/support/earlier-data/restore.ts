import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import Database from 'better-sqlite3';

const folder = import.meta.dirname;

/** The contents of the stores; see the README. */
export const earlier = {
  user: { id: '01a22266-368d-738d-a614-c7d56bf345b5', email: 'ada@example.org' },
  orders: {
    shipped: '01a22266-372b-7055-8819-8be0f75525ce',
    paying: '01a22266-db5e-7354-947a-ad6e3f4674f5',
    accepted: '01a2226d-b616-704f-ae05-50dcfc2ff33a',
  },
  deadLetter: '00000000-0000-8594-8c98-b1231b324a3b',
};

/** Writes the stores of an earlier release to a data folder. `change` may alter each store before a process opens
 *  it. */
export function restoreEarlierData(dataDir: string, change: (store: Database.Database, service: string) => void): void {
  mkdirSync(join(dataDir, 'stores'), { recursive: true });
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.sql.gz'))) {
    const service = file.replace('.sql.gz', '');
    const path = join(dataDir, `${service}.db`);
    const store = new Database(path);
    store.exec(gunzipSync(readFileSync(join(folder, file))).toString());
    store.pragma('journal_mode = WAL');
    change(store, service);
    const id = store.prepare<unknown[], string>('SELECT id FROM flotilla_store').pluck().get();
    store.close();
    const since = new Date().toISOString();
    writeFileSync(join(dataDir, 'stores', `${service}.json`), JSON.stringify({ id, path, since }));
  }
}
