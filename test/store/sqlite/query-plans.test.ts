import Database from 'better-sqlite3';
import { expect } from 'chai';
import type { ReadFilter, Store } from '../../../src/store/store.js';
import { readPages } from '../../../src/store/read-pages.js';
import { eventOf } from '../../contract/store-events.js';
import { createTempStore, type TempStore } from '../support/temp-store.js';

/** Statements that may scan or sort, with the reason. */
const ARGUED: { statement: RegExp; why: string }[] = [
  { statement: /^SELECT id, name FROM flotilla_types$/, why: 'a pattern is held against every type; there are dozens' },
  { statement: /^SELECT COUNT\(\*\) FROM flotilla_timers/, why: 'for metrics: the timers that are not due yet' },
  { statement: /flotilla_(started|archived) LIMIT 1$/, why: 'whether there is anything: the first row answers' },
  { statement: /^UPDATE sqlite_sequence/, why: 'a table of a row per table; SQLite gives it no index' },
];

/** A scan of a whole table or index, or a sort, in a query plan. Rows of json_each, of a subquery or of the generated
 *  blocks are bounded by the statement. */
const WALK = /^SCAN (?!json_each|\(subquery-\d+\)|CONSTANT ROW|blocks)|TEMP B-TREE/;

/** Runs `work` and returns every statement that the store prepares meanwhile. */
async function statementsOf(work: () => Promise<void>): Promise<string[]> {
  const texts = new Set<string>();
  const prototype = Database.prototype as { prepare: (text: string) => unknown };
  const prepare = prototype.prepare;
  prototype.prepare = function (text) {
    texts.add(text);
    return prepare.call(this, text);
  };
  try {
    await work();
  } finally {
    prototype.prepare = prepare;
  }
  return [...texts];
}

function planOf(file: Database.Database, text: string): string[] {
  const anonymous = text.replace(/@\w+/g, '?');
  const values = Array.from({ length: anonymous.split('?').length - 1 }, () => 1);
  const rows = file.prepare<unknown[], { detail: string }>(`EXPLAIN QUERY PLAN ${anonymous}`).all(...values);
  return rows.map(({ detail }) => detail);
}

describe('the statements of a SQLite store', function () {
  this.timeout(60_000);
  let temp: TempStore;
  beforeEach(async () => {
    temp = await createTempStore();
  });
  afterEach(() => temp.dispose());

  it('use an index, and do not sort', async () => {
    const texts = await statementsOf(async () => {
      const store = await temp.open();
      await useEverything(store);
    });
    const file = new Database(temp.path, { readonly: true });
    const plans = texts
      .filter((text) => /^\s*(SELECT|WITH|INSERT|UPDATE|DELETE)/.test(text))
      .map((text) => text.replace(/\s+/g, ' ').trim())
      .map((text) => ({ text, plan: planOf(file, text) }));
    const walks = plans.filter(({ plan }) => plan.some((step) => WALK.test(step)));
    file.close();
    expect(plans.filter(({ text }) => text.includes('flotilla_events')).length).to.be.greaterThan(25);
    expect(walks.filter(({ text }) => !ARGUED.some(({ statement }) => statement.test(text)))).to.deep.equal([]);
    const eventWalks = plans.filter(({ plan }) => plan.some((step) => /^SCAN (e|flotilla_events)\b/.test(step)));
    expect(eventWalks).to.deep.equal([]);
    const needless = ARGUED.filter(({ statement }) => !walks.some(({ text }) => statement.test(text)));
    expect(needless).to.deep.equal([]);
  });

  it('use the index of each filter', async () => {
    const store = await temp.open();
    await fill(store);
    const file = new Database(temp.path, { readonly: true });
    const used = async (filter: ReadFilter) => {
      const texts = await statementsOf(async () => {
        const other = await temp.open();
        await other.readAll(10, 100, filter);
      });
      const select = texts.filter((text) => text.includes('t.name')).find((text) => text.includes('LIMIT +@limit'));
      return planOf(file, select ?? '').filter((step) => step.startsWith('SEARCH e '));
    };
    const byType = 'SEARCH e USING INDEX flotilla_events_type (type=? AND rowid>? AND rowid<?)';
    const byCorrelation = 'SEARCH e USING INDEX flotilla_events_correlation (correlation=? AND rowid>? AND rowid<?)';
    const byPosition = 'SEARCH e USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)';
    const byStream = 'SEARCH e USING INDEX sqlite_autoindex_flotilla_events_2 (stream=? AND version>? AND version<?)';
    expect(await used({})).to.deep.equal([byPosition]);
    expect(await used({ since: at(0), until: at(2_500) })).to.deep.equal([byPosition]);
    expect(await used({ type: 'often.seen' })).to.deep.equal([byType]);
    expect(await used({ type: '*.seen' })).to.deep.equal([byType, byType]);
    expect(await used({ subject: 'a/1' })).to.deep.equal([byStream]);
    expect(await used({ correlationId: 'all' })).to.deep.equal([byCorrelation]);
    // with several usable indexes, the one with the fewest entries
    expect(await used({ type: 'rarely.seen', correlationId: 'all' })).to.deep.equal([byType]);
    expect(await used({ type: 'often.seen', correlationId: 'few' })).to.deep.equal([byCorrelation]);
    expect(await used({ type: 'often.seen', subject: 'a/2', correlationId: 'all' })).to.deep.equal([byStream]);
    file.close();
  });

  it('read a long stream page by page without reading rows twice', async () => {
    const store = await temp.open();
    const events = Array.from({ length: 30_000 }, () => eventOf('a/1', { data: null }));
    await store.append('a/1', 'none', events);
    const filter = { subject: 'a/1' };
    const cpuOf = async (pageSize: number) => {
      const before = process.cpuUsage();
      let read = 0;
      for await (const page of readPages(store, { filter, pageSize })) read += page.length;
      expect(read).to.equal(events.length);
      const { user, system } = process.cpuUsage(before);
      return user + system;
    };
    await cpuOf(10_000);
    // 300 pages, each read from the start, would take 150 times the work
    expect((await cpuOf(100)) / (await cpuOf(10_000))).to.be.lessThan(15);
  });
});

const at = (second: number) => new Date(Date.UTC(2026, 0, 1) + second * 1000).toISOString();

/** 3,000 events with two types, two subjects and two correlations, one of each being rare. */
async function fill(store: Store): Promise<void> {
  const events = (subject: string, count: number, from: number) =>
    Array.from({ length: count }, (_, n) =>
      eventOf(subject, {
        type: n % 1_000 === 999 ? 'rarely.seen' : 'often.seen',
        correlationid: n % 1_000 === 998 ? 'few' : 'all',
        time: at(from + n),
      }),
    );
  await store.append('a/1', 'none', events('a/1', 2_950, 0));
  await store.append('a/2', 'none', events('a/2', 50, 2_950));
}

/** Calls everything that prepares a statement, with and without an archive. */
async function useEverything(store: Store): Promise<void> {
  await fill(store);
  const key = { consumer: 'payment', source: 'core', id: 'x' };
  const [first] = await store.readAll(0, 1);
  const look = async () => {
    const all = { subject: 'a/1', type: 'often.*', correlationId: 'all', since: at(0), until: at(3_000) };
    for (let bits = 0; bits < 32; bits++) {
      const filter = Object.fromEntries(Object.entries(all).filter((_, n) => (bits & (1 << n)) !== 0));
      await store.readAll(0, 10, filter);
      await store.readAll(0, 10, { ...filter, type: ['rarely.seen', 'often.seen'] });
      await store.readAll(0, 10, { ...filter, subject: 'a/2' });
      await store.readAll(0, 10, { ...filter, correlationId: 'few' });
    }
    await store.read('a/1');
    await store.event(first?.id ?? '');
    await store.snapshot('a/1');
    await store.streamMetadata('a/1');
    await store.head();
    await store.stats();
    await store.nextTimer();
    await store.handled(key);
    await store.checkpoint('relay');
  };
  await look();
  await store.recordStart(key);
  await store.clearStarts(key);
  const head = await store.head();
  await store.transaction(async (tx) => {
    await tx.markHandled(key);
    await tx.saveSnapshot('a/1', { version: 1, shape: 1, state: 1 });
    await tx.snapshot('a/1');
    await tx.schedule({ id: 't', dueAt: 5, event: eventOf('a/3') });
    await tx.schedule({ id: 'u', dueAt: 5, event: eventOf('a/3') });
    await tx.cancelTimer('u');
    await tx.moveCheckpoint('relay', 0, head);
    if (first !== undefined) await tx.append('a/1', 'any', [eventOf('a/1', { id: first.id })]);
  });
  const lease = await store.acquireLease('relay', 'a', 5);
  if (lease !== undefined) await store.moveLeasedCheckpoint(lease, 0, 1);
  if (lease !== undefined) await store.releaseLease(lease);
  await store.fireTimers(10);
  await store.purgeInbox(Date.now() + 1_000);
  await store.migrate('test', [{ name: 'none', sql: 'SELECT 1' }]);
  await store.setStreamMetadata('a/1', { retention: { keep: 1_000, olderThan: 0 } });
  await store.applyRetention(Date.now());
  await look();
}
