import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { expect } from 'chai';
import { newId } from '../../../../src/events/ids.js';
import { idKey, idValue } from '../../../../src/store/sqlite/tables/id-values.js';
import { eventOf } from '../../../contract/store-events.js';
import { SCHEMA_1 } from '../../fixtures/schema-1.js';
import { createTempStore, type TempStore } from '../../support/temp-store.js';

const archiveStream = fileURLToPath(new URL('../../fixtures/archive-stream.ts', import.meta.url));
const key = { consumer: 'payment', source: 'core', id: newId() };

/** Writes a file of schema version 1 with events, inbox, checkpoint and timer; returns the bodies of the events. */
function writeVersion1(path: string): string[] {
  const file = new Database(path);
  file.pragma('journal_mode = WAL');
  file.exec(SCHEMA_1);
  file.exec(`
    INSERT INTO flotilla_streams VALUES (1, 'order/1'), (2, 'order/2');
    INSERT INTO flotilla_types VALUES (1, 'order.created');
    INSERT INTO flotilla_consumers VALUES (1, 'payment' || char(0) || 'core');
    INSERT INTO flotilla_checkpoints VALUES ('relay', 2000);
    INSERT INTO flotilla_timers VALUES ('t', 5000, '{}');`);
  file.prepare('INSERT INTO flotilla_inbox VALUES (1, ?, 1)').run(idKey(key.id));
  const insert = file.prepare(
    'INSERT INTO flotilla_events (stream, version, id, type, time, correlation, body) VALUES (?, ?, ?, 1, ?, ?, ?)',
  );
  const bodies = Array.from({ length: 2_000 }, (_, n) => {
    const event = eventOf(`order/${1 + (n % 2)}`, { time: new Date(n * 1000).toISOString() });
    const version = 1 + Math.floor(n / 2);
    const body = JSON.stringify({ ...event, sequence: String(version) });
    insert.run(1 + (n % 2), version, idValue(event.id), n * 1000, idValue(event.correlationid), body);
    return body;
  });
  file.pragma('user_version = 1');
  file.close();
  return bodies;
}

describe('a SQLite file of an earlier release', function () {
  this.timeout(60_000);
  let temp: TempStore;
  beforeEach(async () => {
    temp = await createTempStore();
  });
  afterEach(() => temp.dispose());

  it('keeps all content in a migration, and supports new features', async () => {
    const bodies = writeVersion1(temp.path);
    const store = await temp.open();
    expect((await store.readAll(0, 5_000)).map(({ body }) => body)).to.deep.equal(bodies);
    expect(await store.handled(key)).to.equal(true);
    expect(await store.checkpoint('relay')).to.equal(2_000);
    expect(await store.nextTimer()).to.equal(5_000);
    expect((await store.append('order/1', 1_000, [eventOf('order/1')])).version).to.equal(1_001);
    expect(await store.head()).to.equal(2_001);
    const span = { since: new Date(700_000).toISOString(), until: new Date(710_000).toISOString() };
    expect((await store.readAll(0, 100, span)).map(({ position }) => position)).to.deep.equal(
      Array.from({ length: 10 }, (_, n) => 701 + n),
    );
    await store.transaction((tx) => tx.saveSnapshot('order/1', { version: 1, shape: 1, state: 1 }));
    expect(await store.archive('order/2', 10)).to.deep.equal({ moved: 10, through: 10 });
    expect(await store.readAll(0, 5_000)).to.have.length(2_001);
  });

  it('remains usable for a process of the earlier release that has it open', async () => {
    writeVersion1(temp.path);
    const older = new Database(temp.path, { timeout: 1_000 });
    const insert = older.prepare(
      `INSERT INTO flotilla_events (stream, version, id, type, time, correlation, body) VALUES (1, ?, ?, 1, ?, 'c', '{}')
       ON CONFLICT (id) DO NOTHING`,
    );
    const count = older
      .prepare('SELECT COUNT(*) FROM flotilla_events WHERE time >= ? AND time < ? AND position > 0')
      .pluck();
    expect(count.get(700_000, 710_000)).to.equal(10);
    expect(insert.run(1_001, 'before', 705_000).changes).to.equal(1);
    const store = await temp.open();
    expect(count.get(700_000, 710_000)).to.equal(11);
    expect(insert.run(1_002, 'before', 705_000).changes).to.equal(0); // which does not release the position
    expect(insert.run(1_002, 'after', 705_000).changes).to.equal(1);
    older.close();
    expect((await store.read('order/1', 999)).map(({ id }) => id)).to.include.members(['before', 'after']);
    const span = { since: new Date(704_500).toISOString(), until: new Date(705_500).toISOString() };
    expect((await store.readAll(0, 100, span)).map(({ position }) => position)).to.deep.equal([706, 2_001, 2_003]);
    expect((await store.append('order/1', 1_002, [eventOf('order/1')])).version).to.equal(1_003);
  });

  it('is migrated once by several processes that open it at the same time', async () => {
    const bodies = writeVersion1(temp.path);
    const children = [1, 2, 3].map(() => fork(archiveStream, [temp.path, 'order/1', '0']));
    const exits = await Promise.all(children.map((child) => once(child, 'exit')));
    expect(exits).to.deep.equal([
      [0, null],
      [0, null],
      [0, null],
    ]);
    const store = await temp.open();
    expect((await store.readAll(0, 5_000)).map(({ body }) => body)).to.deep.equal(bodies);
    expect((await temp.open()).id).to.equal(store.id);
  });

  it('has the same tables as a new file after the migration', async () => {
    writeVersion1(temp.path);
    await (await temp.open()).close();
    const fresh = await createTempStore();
    await (await fresh.open()).close();
    const tables = (path: string) => {
      const file = new Database(path, { readonly: true });
      const rows = file.prepare('SELECT type, name, sql FROM sqlite_schema ORDER BY type, name').all();
      const version: unknown = file.pragma('user_version', { simple: true });
      file.close();
      return { rows, version };
    };
    expect(tables(temp.path)).to.deep.equal(tables(fresh.path));
    await fresh.dispose();
  });
});
