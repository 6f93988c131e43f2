import { expect } from 'chai';
import Database from 'better-sqlite3';
import { newId } from '../../../../src/events/ids.js';
import type { Store, Tx } from '../../../../src/store/store.js';
import { codeOf, eventOf } from '../../../contract/store-events.js';
import { recordingLogger } from '../../../support/recording-logger.js';
import { createTempStore, type TempStore } from '../../support/temp-store.js';

describe('group commit in SQLite', () => {
  let temp: TempStore;
  let store: Store;
  beforeEach(async () => {
    temp = await createTempStore();
    store = await temp.open();
  });
  afterEach(() => temp.dispose());

  it('repeats the work of a group one by one when a deferred foreign key fails its commit', async () => {
    const sql = `CREATE TABLE parent (id INTEGER PRIMARY KEY);
      CREATE TABLE child (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED);`;
    await store.migrate('test', [{ name: 'family', sql }]);
    let runs = 0;
    const results = await Promise.allSettled([
      store.transaction(async (tx) => {
        runs += 1;
        await tx.sql`INSERT INTO child (id, parent) VALUES (1, 1)`;
        await tx.sql`INSERT INTO parent (id) VALUES (1)`;
      }),
      store.transaction((tx) => tx.sql`INSERT INTO child (id, parent) VALUES (2, 7)`),
      store.append('x/1', 'none', [eventOf('x/1')]),
    ]);
    expect(results.map(({ status }) => status)).to.deep.equal(['fulfilled', 'rejected', 'fulfilled']);
    expect(runs).to.equal(2);
    expect(await store.query`SELECT id FROM child`).to.deep.equal([{ id: 1 }]);
    expect(await store.readAll(0)).to.have.length(1);
  });

  it('appends to a stream whose first append was rolled back', async () => {
    const names = Array.from({ length: 20 }, () => `x/${newId()}`);
    await Promise.allSettled(
      names.map((name, n) =>
        store.transaction(async (tx) => {
          await tx.append(name, 'none', [eventOf(name)]);
          if (n % 2 === 0) throw new Error('no');
        }),
      ),
    );
    await Promise.all(names.map((name) => store.append(name, 'any', [eventOf(name)])));
    const counts = await Promise.all(names.map(async (name) => (await store.read(name)).length));
    expect(counts).to.deep.equal(names.map((_, n) => (n % 2 === 0 ? 1 : 2)));
  });

  it('logs rolled back transactions once for each cause', async () => {
    const { logger, lines } = recordingLogger();
    const logged = await temp.open({ logger });
    const sql = `CREATE TABLE parent (id INTEGER PRIMARY KEY);
      CREATE TABLE child (id INTEGER PRIMARY KEY REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED);`;
    await logged.migrate('test', [{ name: 'family', sql }]);
    for (let n = 0; n < 3; n++) {
      expect(await codeOf(logged.transaction((tx) => tx.sql`INSERT INTO child (id) VALUES (1)`))).to.not.equal(
        'resolved',
      );
    }
    expect(lines.filter(({ message }) => message === 'store: transactions were rolled back')).to.have.length(1);
  });

  it('rejects work that ends the shared transaction', async () => {
    const codes = await Promise.all([
      codeOf(store.append('x/1', 'none', [eventOf('x/1')])),
      codeOf(store.transaction((tx) => tx.sql`COMMIT`)),
      codeOf(store.append('x/2', 'none', [eventOf('x/2')])),
    ]);
    expect(codes).to.deep.equal(['resolved', undefined, 'resolved']);
  });

  it('commits several slow transactions at once', async () => {
    await store.append('x/1', 'none', [eventOf('x/1')]);
    const before = store.health().commits;
    await Promise.all(Array.from({ length: 48 }, () => store.transaction(slowly)));
    // each takes a large part of the time of a group
    expect(store.health().commits - before).to.be.within(2, 4);
  });

  it('renews a lease before the transactions that wait', async () => {
    const lease = await store.acquireLease('relay', 'a', 60_000);
    const settled: string[] = [];
    const work = Array.from({ length: 100 }, () => store.transaction(slowly).then(() => settled.push('transaction')));
    const renewal = store.acquireLease('relay', 'a', 60_000).then((renewed) => {
      settled.push('renewal');
      return renewed;
    });
    expect((await renewal)?.epoch).to.equal(lease?.epoch);
    expect(settled.length).to.be.below(40);
    await Promise.all(work);
  });

  it('rejects changes and deletes of events', () => {
    const file = new Database(temp.path);
    file
      .prepare(
        "INSERT INTO flotilla_events (stream, version, id, type, time, correlation, body) VALUES (1,1,'a',1,1,'a','{}')",
      )
      .run();
    expect(() => file.exec("UPDATE flotilla_events SET body = ''")).to.throw('never changed');
    expect(() => file.exec('DELETE FROM flotilla_events')).to.throw('never deleted');
    file.close();
  });

  it('waits for the lock of another process without blocking, and rejects with store.busy after a timeout', async () => {
    const impatient = await temp.open({ limits: { lockTimeout: 40 } });
    const file = new Database(temp.path);
    file.exec('BEGIN IMMEDIATE');
    const patient = store.append('x/1', 'none', [eventOf('x/1')]);
    expect(await codeOf(impatient.append('x/2', 'none', [eventOf('x/2')]))).to.equal('store.busy');
    file.exec('COMMIT');
    expect(await patient).to.deep.equal({ version: 1, appended: 1 });
    file.close();
  });

  it('rejects a file of a newer release', async () => {
    const newer = await createTempStore();
    const file = new Database(newer.path);
    file.pragma('user_version = 99');
    file.close();
    expect(await codeOf(newer.open())).to.equal('config.invalid');
    await newer.dispose();
  });
});

/** Blocks the event loop for 2 ms, as expensive work in a transaction does. */
async function slowly(tx: Tx): Promise<void> {
  for (const end = performance.now() + 2; performance.now() < end;);
  await tx.sql`SELECT 1`;
}
