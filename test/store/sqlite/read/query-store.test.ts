import { readdir, readFile, writeFile } from 'node:fs/promises';
import Database from 'better-sqlite3';
import { expect } from 'chai';
import { queryStore, type QueryStoreOptions } from '../../../../src/store/sqlite/read/query-store.js';
import type { Sql } from '../../../../src/store/store.js';
import { createTempStore, type TempStore } from '../../support/temp-store.js';

const migrations = { jobs: [{ name: '1-jobs', sql: 'CREATE TABLE jobs (id INTEGER PRIMARY KEY, name TEXT)' }] };

describe('a query of a store that is not opened', () => {
  let temp: TempStore;
  beforeEach(async () => (temp = await createTempStore()));
  afterEach(() => temp.dispose());

  const names = (query: Sql) => query<{ name: string }>`SELECT name FROM jobs ORDER BY id`;
  const query = (options: Partial<QueryStoreOptions> = {}, read = names) =>
    queryStore(temp.path, { expectedId: undefined, migrations, ...options }, read);

  /** A store with a table and a row. */
  async function filled() {
    const store = await temp.open();
    await store.migrate('jobs', migrations.jobs);
    await store.transaction((tx) => tx.sql`INSERT INTO jobs (name) VALUES ('one')`.then(() => undefined));
    return store;
  }

  it('finds what was committed, beside a process that writes, and writes nothing itself', async () => {
    const store = await filled();
    const writer = new Database(temp.path);
    writer.exec("BEGIN IMMEDIATE; INSERT INTO jobs (name) VALUES ('two')");
    const files = async () =>
      Promise.all((await readdir(temp.folder)).sort().map((file) => readFile(`${temp.folder}/${file}`)));
    const before = (await files()).length;
    expect(await query({ expectedId: store.id })).to.deep.equal({ value: [{ name: 'one' }] });
    writer.exec('COMMIT');
    writer.close();
    expect(await query()).to.deep.equal({ value: [{ name: 'one' }, { name: 'two' }] });
    expect(await query({}, (sql) => sql`INSERT INTO jobs (name) VALUES ('three')`)).to.equal(undefined);
    expect((await query())?.value).to.have.length(2);
    expect((await files()).length).to.equal(before);
  });

  it('leaves to the store whatever is not as this release left it', async () => {
    const store = await filled();
    const later = { jobs: [...migrations.jobs, { name: '2-jobs', sql: 'ALTER TABLE jobs ADD COLUMN at INTEGER' }] };
    expect(await query({ migrations: later }), 'a migration is missing').to.equal(undefined);
    expect(await query({ migrations: { others: migrations.jobs } }), 'of another owner').to.equal(undefined);
    expect(await query({ expectedId: 'another' }), 'another store').to.equal(undefined);
    await store.close();
    const db = new Database(temp.path);
    db.pragma('user_version = 1');
    db.close();
    expect(await query(), 'of another release').to.equal(undefined);
    await writeFile(temp.path, 'not a database');
    expect(await query(), 'damaged').to.equal(undefined);
    expect(await queryStore(`${temp.path}.missing`, { expectedId: undefined, migrations }, names)).to.equal(undefined);
  });
});
