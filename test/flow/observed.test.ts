import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import * as flowCommand from '../../src/cli/commands/flow/index.js';
import { flowOf } from '../../src/flow/flow-of-fleet.js';
import { formatDelay } from '../../src/flow/format-delay.js';
import { observeFlow } from '../../src/flow/observed.js';
import { highestRow } from '../../src/journal/entry.js';
import { migrateJournal } from '../../src/journal/migrations.js';
import { insertRecords, type JournalRecord } from '../../src/journal/rows.js';
import { countStored, seenCounts } from '../../src/journal/seen.js';
import type { Sql, Store } from '../../src/store/store.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { HandledCounter } from '../../src/traffic/handled-counter.js';
import { perHour } from '../../src/traffic/recent.js';
import { createTempStore, type TempStore } from '../store/support/temp-store.js';
import { runCommand } from '../support/command.js';
import { seed } from '../support/seed.js';
import { smallFleet } from './support/small-fleet.js';

const T0 = Date.parse('2026-01-01T12:00:00Z');

const record = (id: string, source: string, type: string, time: number): JournalRecord => ({
  ...{ id, source, type, time, subject: 'trip/1', correlationId: id, body: '{}', offset: null },
});

describe('the counts of the journal', () => {
  let temp: TempStore;
  let journal: Store;
  beforeEach(async () => {
    temp = await createTempStore();
    journal = await temp.open();
    await migrateJournal(journal);
  });
  afterEach(() => temp.dispose());

  const insert = (records: JournalRecord[], now = T0) =>
    journal.transaction(({ sql }) => insertRecords(sql, records, now));

  it('agree with a recount of its events, whatever the batches, repetitions and aborted transactions', async () => {
    const one = fc.record({
      id: fc.integer({ min: 0, max: 60 }),
      source: fc.constantFrom('core', 'payment', 'foreign'),
      type: fc.constantFrom('a.b', 'c.d'),
      age: fc.integer({ min: -600_000, max: 20_000_000 }),
    });
    const batches = fc.array(fc.record({ events: fc.array(one, { maxLength: 30 }), aborts: fc.boolean() }), {
      maxLength: 8,
    });
    await fc.assert(
      fc.asyncProperty(batches, async (all) => {
        await journal.transaction(async ({ sql }) => {
          await sql`DELETE FROM journal_events`;
          await sql`DELETE FROM journal_seen`;
        });
        for (const { events, aborts } of all) {
          const records = events.map(({ id, source, type, age }) => record(String(id), source, type, T0 - age));
          const work = journal.transaction(async ({ sql }) => {
            await insertRecords(sql, records, T0);
            if (aborts) throw new Error('aborted');
          });
          await work.catch(() => undefined);
        }
        const rows = await journal.query<{ source: string; type: string; time: number }>`
          SELECT source, type, time FROM journal_events`;
        const { seen: counts, uncounted } = await seenCounts(journal);
        expect(uncounted).to.equal(0);
        expect(counts.reduce((sum, { count }) => sum + count, 0)).to.equal(rows.length);
        for (const { source, type, count, firstAt, lastAt, recent } of counts) {
          const times = rows.filter((row) => row.source === source && row.type === type).map((row) => Number(row.time));
          const clamped = times.map((time) => Math.min(time, T0));
          expect(count).to.equal(times.length);
          expect([firstAt, lastAt]).to.deep.equal([Math.min(...clamped), Math.max(...clamped)]);
          const rate = clamped.reduce((sum, time) => sum + Math.exp((time - T0) / 3_600_000), 0);
          expect(perHour(recent, T0)).to.be.closeTo(rate, 1e-9 * rate + 1e-12);
        }
      }),
      { seed, numRuns: 40 },
    );
  });

  it('contain the events of an earlier version: those before an upgrade, and those between two upgrades', async () => {
    const old = (id: string, source: string) => journal.transaction(({ sql }) => storeUncounted(sql, id, source));
    for (const [id, source] of [
      ['1', 'core'],
      ['2', 'core'],
      ['3', 'x'],
    ] as const) {
      await old(id, source);
    }
    expect(await seenCounts(journal)).to.deep.equal({ seen: [], uncounted: 3 });
    const upgrade = () => countStored(journal, { signal: new AbortController().signal, now: () => T0 });
    const counts = async () => {
      const { seen, uncounted } = await seenCounts(journal);
      expect(uncounted).to.equal(0);
      return seen.map(({ source, count, firstAt, lastAt }) => [source, count, firstAt - T0, lastAt - T0]);
    };
    await upgrade();
    expect(await counts()).to.deep.equal([
      ['core', 2, -2, -1],
      ['x', 1, -3, -3],
    ]);
    await insert([record('4', 'core', 'a.b', T0)]);
    await old('5', 'x');
    expect((await seenCounts(journal)).uncounted).to.equal(1);
    await upgrade();
    await upgrade();
    expect(await counts()).to.deep.equal([
      ['core', 3, -2, 0],
      ['x', 2, -5, -3],
    ]);
  });

  it('of an earlier version continue where an interrupted start ended', async () => {
    await journal.transaction(async ({ sql }) => {
      for (let n = 1; n <= 25; n++) await storeUncounted(sql, String(n), 'core');
    });
    const stop = new AbortController();
    const interrupted = {
      transaction: (async (work) => {
        const result = await journal.transaction(work);
        stop.abort();
        return result;
      }) as Store['transaction'],
    };
    await countStored(interrupted, { signal: stop.signal, now: () => T0, pageSize: 10 });
    expect((await seenCounts(journal)).uncounted).to.equal(15);
    await countStored(journal, { signal: new AbortController().signal, now: () => T0, pageSize: 10 });
    const { seen, uncounted } = await seenCounts(journal);
    expect([uncounted, seen.map(({ count }) => count)]).to.deep.equal([0, [25]]);
  });
});

/** Stores an event of the type `a.b` that is as many milliseconds old as its id, as the version before the counts did. */
async function storeUncounted(sql: Sql, id: string, source: string): Promise<void> {
  const row = (await highestRow(sql)) + 1;
  await sql`
    INSERT INTO journal_events (row_number, id, source, type, subject, correlation_id, time, log_offset, body)
    VALUES (${row}, ${id}, ${source}, 'a.b', 'trip/1', ${id}, ${T0 - Number(id)}, NULL, '{}')`;
}

describe('the observed flow', () => {
  const flow = flowOf(smallFleet());
  const seen = (source: string, type: string, count: number) => ({
    ...{ source, type, count, firstAt: T0, lastAt: T0 },
    recent: { at: T0, sums: [count] },
  });
  const handled = (reader: string, source: string, type: string, count: number) => ({
    ...{ reader, source, type, count, firstAt: T0, lastAt: T0 },
    delays: { at: T0, sums: [0, 0, 0, count] }, // 4 to 8 ms
  });
  const observed = observeFlow(flow, {
    seen: [
      seen('core', 'trip.requested', 4),
      seen('core', 'seat.assigned', 1),
      seen('hacker', 'trip.requested', 2),
      seen('https://airport.example', 'flight.delayed', 3),
    ],
    handled: new Map([
      ['core', [handled('planner', 'core', 'trip.requested', 4), handled('trip-list', 'core', 'trip.requested', 4)]],
      [
        'seats',
        [handled('seats', 'https://airport.example', 'flight.delayed', 3), handled('seats', 'core', 'old.type', 1)],
      ],
      // the store of flights is on another machine
    ]),
    services: ['core', 'flights', 'seats', 'ops'],
    now: T0,
  });
  const emits = (source: string, type: string) =>
    observed.emits.find((each) => each.source === source && each.type === type);
  const reads = (reader: string, type: string) =>
    observed.reads.find((each) => each.reader === reader && each.type === type);

  it('has the count, the rate and the delays of each edge', () => {
    expect(emits('core', 'trip.requested')).to.deep.include({ count: 4, perHour: 4, emitters: ['route:POST /trips'] });
    expect(reads('saga:book-trip', 'trip.requested')).to.include({ source: 'core', count: 4, perHour: 4, p50: 6 });
    expect(reads('projection:trip-list', 'trip.requested')).to.include({ count: 4, isDeclared: true });
    expect(reads('worker:seats', 'flight.delayed')).to.include({ count: 3, lastAt: new Date(T0).toISOString() });
    expect(reads('worker:seats', 'flight.delayed')?.p95).to.be.closeTo(7.8, 1e-9);
  });

  it('tells what was never seen from what is not known', () => {
    expect(emits('core', 'flight.book')).to.include({ count: 0, lastAt: null });
    expect(reads('worker:seats', 'flight.booked')).to.include({ count: 0, p50: null });
    expect(reads('worker:flights', 'flight.book')).to.include({ count: null, perHour: null });
    const without = observeFlow(flow, { seen: undefined, handled: new Map(), services: [], now: T0 });
    expect(without.emits.every(({ count }) => count === null)).to.equal(true);
  });

  it('names what was seen and is not declared, and foreign sources', () => {
    expect(emits('core', 'seat.assigned')).to.deep.include({ emitters: [], isForeign: false });
    expect(emits('hacker', 'trip.requested')).to.deep.include({ emitters: [], isForeign: true });
    expect(emits('https://airport.example', 'flight.delayed')).to.include({ isForeign: false });
    expect(reads('worker:seats', 'old.type')).to.include({ isDeclared: false, count: 1 });
  });
});

describe('an observed delay', () => {
  it('is shown with two digits, in the largest unit that fits', () => {
    const shown = [0, 0.4, 7.46, 97.5, 999, 1_531, 59_800, 66_000, 3_600_000, 8_000_000].map(formatDelay);
    expect(shown).to.deep.equal(['0ms', '0.4ms', '7.5ms', '98ms', '1s', '1.5s', '1m', '1.1m', '1h', '2.2h']);
  });
});

describe('the command flow --observed', () => {
  let cwd: string;
  beforeEach(async () => (cwd = await mkdtemp(join(tmpdir(), 'flotilla-observed-'))));
  afterEach(() => rm(cwd, { recursive: true, force: true }));

  it('reads the counters of the stores on this machine, and fails afterwards if one is elsewhere', async () => {
    const temp = await createTempStore();
    try {
      const store = await temp.open();
      const counter = await HandledCounter.open(store, { logger: silentLogger() });
      const time = new Date(Date.now() - 30).toISOString();
      counter.of('trip-list')({ source: 'core', type: 'trip.requested', time }, Date.now());
      await counter.stop();
      const env = { DATA_DIR: temp.folder, DATABASE_URL: `sqlite:${temp.folder}/{service}.db` };
      const runIn = (more: object, ...args: string[]) =>
        runCommand({ modules: [flowCommand], fleet: smallFleet(), env: { ...env, ...more }, cwd }, [
          ...['flow', '--observed', ...args],
        ]);
      const run = (...args: string[]) => runIn({}, ...args);
      expect((await runIn({ WORKERS: 'planner' })).code).to.equal(0); // the store of no other worker is required
      const { code, out, said } = await run('--type', 'trip.requested');
      expect(code).to.equal(1);
      expect(said).to.match(/^Not read: .*flights/m);
      const lines = out.split('\n').map((line) => line.replaceAll(/ {2,}/g, ' | '));
      expect(
        lines.some((line) => /^trip\.requested \| core \| projection:trip-list \| 1 \| 1 \| \d+ms/.test(line)),
        out,
      ).to.equal(true);
      expect(lines).to.include('trip.requested | core | route:POST /trips | ? | ?');
      expect(
        lines.some((line) => /saga:book-trip \| 0 \| 0 \|.*never seen/.test(line)),
        out,
      ).to.equal(true);
      for (const format of ['svg', 'dot', 'mermaid', 'json']) {
        expect((await run('--format', format)).out, format).to.include('trip-list');
      }
      expect((await run('--check')).code).to.equal(2);
    } finally {
      await temp.dispose();
    }
  });
});
