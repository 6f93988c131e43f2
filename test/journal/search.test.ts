import Database from 'better-sqlite3';
import { expect } from 'chai';
import type { JournalEntry, JournalFilter } from '../../src/journal/entry.js';
import { migrateJournal } from '../../src/journal/migrations.js';
import { insertRecords, type JournalRecord } from '../../src/journal/rows.js';
import { byCorrelation, bySource, bySubject, byTime, byType, type Bounds, type Scan } from '../../src/journal/scans.js';
import { countJournal, journalEvent, journalEventsLike, journalPages } from '../../src/journal/search.js';
import type { Sql, SqlValue, Store } from '../../src/store/store.js';
import { matches } from '../../src/events/patterns.js';
import { codeOf } from '../contract/broker.js';
import { randomFrom } from '../chaos/support/random.js';
import { createTempStore, type TempStore } from '../store/support/temp-store.js';
import { seed } from '../support/seed.js';

const START = Date.UTC(2026, 0, 1);

describe(`searching the journal (TEST_SEED=${seed})`, function () {
  this.timeout(60_000);
  const random = randomFrom(seed);
  let temp: TempStore;
  let store: Store;
  let records: JournalRecord[];

  before(async () => {
    temp = await createTempStore();
    store = await temp.open();
    await migrateJournal(store);
    // few distinct times, not in the order of insertion
    records = Array.from({ length: 600 }, (_, n) => ({
      id: `id-${String(n).padStart(4, '0')}`,
      source: random.pick(['core', 'payment']),
      type: random.pick(['order.created', 'order.cancelled', 'payment.processed', 'user.created']),
      subject: random.pick(['order/1', 'order/2', 'order/3']),
      correlationId: random.pick(['c1', 'c2', 'c3', 'c4', 'c5']),
      time: START + random.between(0, 200) * 1000,
      body: `{"n":${n}}`,
      offset: random.between(0, 1) === 0 ? null : n,
    }));
    for (let at = 0; at < records.length; at += 100) {
      await store.transaction(({ sql }) => insertRecords(sql, records.slice(at, at + 100)));
    }
  });
  after(() => temp.dispose());

  const maybe = <T>(make: () => T): T | undefined => (random.between(0, 2) === 0 ? make() : undefined);
  const randomFilter = (): JournalFilter => {
    const at = () => new Date(START + random.between(0, 200) * 1000).toISOString();
    const types = maybe(() =>
      random.pick([['order.*'], ['order.created'], ['#'], ['*.created', 'payment.processed'], ['no.such']]),
    );
    const source = maybe(() => random.pick(['core', 'payment', 'nobody']));
    const subject = maybe(() => random.pick(['order/1', 'order/2', 'order/9']));
    const correlationId = maybe(() => random.pick(['c1', 'c2']));
    const since = maybe(at);
    const until = maybe(at);
    return {
      ...(types && { types }),
      ...(source !== undefined && { source }),
      ...(subject !== undefined && { subject }),
      ...(correlationId !== undefined && { correlationId }),
      ...(since !== undefined && { since }),
      ...(until !== undefined && { until }),
    };
  };
  const wanted = (filter: JournalFilter) =>
    records
      .map((record, index) => ({ ...record, index }))
      .filter(
        ({ type, source, subject, correlationId, time }) =>
          (filter.types?.some((pattern) => matches(pattern, type)) ?? true) &&
          (filter.source === undefined || filter.source === source) &&
          (filter.subject === undefined || filter.subject === subject) &&
          (filter.correlationId === undefined || filter.correlationId === correlationId) &&
          (filter.since === undefined || time >= Date.parse(filter.since)) &&
          (filter.until === undefined || time < Date.parse(filter.until)),
      )
      .sort((a, b) => a.time - b.time || a.index - b.index)
      .map(({ id }) => id);
  const all = async (filter: JournalFilter, options: Parameters<typeof journalPages>[2] = {}) => {
    const found: JournalEntry[] = [];
    for await (const page of journalPages(store, filter, options)) {
      expect(page.length).to.be.within(1, options.pageSize ?? 500);
      found.push(...page);
    }
    return found;
  };

  it('returns and counts exactly the matching events, in order of time, in pages, from either end', async () => {
    for (let round = 0; round < 150; round += 1) {
      const filter = randomFilter();
      const expected = wanted(filter);
      const pageSize = random.between(1, 60);
      const label = JSON.stringify({ filter, pageSize });
      expect(
        (await all(filter, { pageSize })).map(({ id }) => id),
        label,
      ).to.deep.equal(expected);
      const backward = await all(filter, { pageSize, newestFirst: true });
      expect(
        backward.map(({ id }) => id),
        label,
      ).to.deep.equal([...expected].reverse());
      expect(await countJournal(store, filter), label).to.equal(expected.length);
    }
  });

  it('continues after a cursor, which sorts as text', async () => {
    const entries = await all({ types: ['order.*'] });
    const places = entries.map(({ place }) => place);
    expect([...places].sort()).to.deep.equal(places);
    const middle = entries[100];
    const rest = await all({ types: ['order.*'] }, { after: middle?.place ?? '' });
    expect(rest).to.deep.equal(entries.slice(101));
    const before = await all({ types: ['order.*'] }, { after: middle?.place ?? '', newestFirst: true });
    expect(before).to.deep.equal(entries.slice(0, 100).reverse());
    expect(await codeOf(all({}, { after: 'nowhere' }))).to.equal('config.invalid');
  });

  it('finds an event by its id or a prefix of it', async () => {
    const [record] = records;
    expect(await journalEvent(store, 'id-0000')).to.deep.include({ ...record });
    expect(await journalEvent(store, 'id-')).to.equal(undefined);
    expect((await journalEventsLike(store, 'id-001', 20)).map(({ id }) => id)).to.have.length(10);
    expect(await journalEventsLike(store, 'id-001', 3)).to.have.length(3);
  });

  it('stores an event once, however it is batched and repeated; ids are unique per source', async () => {
    const [record] = records;
    if (record === undefined) throw new Error('no record');
    const other = { ...record, source: 'elsewhere' };
    const added = await store.transaction(({ sql }) => insertRecords(sql, [record, other, other, record]));
    expect(added).to.equal(1);
    expect(await countJournal(store, { source: 'elsewhere' })).to.equal(1);
  });

  it('uses for each scan an index that yields the order of time, without a sort', () => {
    const db = new Database(temp.path, { readonly: true });
    const bounds: Bounds = {
      time: 0,
      row: 0,
      since: 0,
      until: 1,
      upToRow: 9,
      source: 'a',
      subject: 'b',
      type: 'c',
      limit: 1,
    };
    const plans: Record<string, string[]> = {};
    const explain =
      (name: string): Sql =>
      (text: TemplateStringsArray, ...values: SqlValue[]) => {
        const rows = db.prepare<unknown[], { detail: string }>(`EXPLAIN QUERY PLAN ${text.join('?')}`).all(...values);
        plans[name] = rows.map(({ detail }) => detail);
        return Promise.resolve([]);
      };
    const scans: Record<string, Scan> = {
      correlation: byCorrelation,
      subject: bySubject,
      type: byType,
      source: bySource,
      time: byTime,
    };
    for (const [name, scan] of Object.entries(scans)) {
      for (const step of ['forward', 'backward', 'count'] as const)
        void scan[step](explain(`${name} ${step}`), 'x', bounds);
    }
    void journalEvent({ query: explain('id') }, 'x');
    void journalEventsLike({ query: explain('ids like') }, 'x', 1);
    db.close();
    for (const [name, plan] of Object.entries(plans)) {
      const index = name.startsWith('id') ? 'id' : (name.split(' ')[0] ?? '');
      expect(plan.join('\n'), name).to.match(
        new RegExp(`SEARCH journal_events USING (COVERING )?INDEX journal_events_${index} `),
      );
      if (!name.startsWith('id')) expect(plan, name).to.have.length(1);
    }
  });
});
