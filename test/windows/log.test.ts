import { expect } from 'chai';
import type { Store } from '../../src/store/store.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { createMetrics } from '../../src/telemetry/metrics.js';
import { listLate } from '../../src/windows/state/late-table.js';
import { migrateWindows } from '../../src/windows/state/migrations.js';
import { readWindows } from '../../src/windows/state/windows-table.js';
import { workerDefinitionOf } from '../../src/worker/definition/worker-definition.js';
import type { StartWorkerOptions } from '../../src/worker/prepare.js';
import { startWorker, type RunningWorker } from '../../src/worker/start.js';
import { openLogFixture, type LogFixture } from '../event-log/support/log-fixture.js';
import { eventually } from '../support/eventually.js';
import { listing, listingDefinition, plant, reading, type ListingOptions } from './support/readings.js';
import { resultsOf } from './support/run-script.js';

const options: ListingOptions = { kind: 'tumbling', grace: '1s', idleAfter: '300ms' };

for (const kind of ['memory', 'rabbitmq']) {
  describe(`windows over the log, on ${kind}`, function () {
    this.timeout(60_000);
    let bench: LogFixture;
    let store: Store;
    let running: RunningWorker[];
    let metrics: ReturnType<typeof createMetrics>;
    /** The beginning of a window in the past. */
    let begin: number;

    beforeEach(async () => {
      bench = await openLogFixture(kind);
      store = await bench.open('metrics');
      await migrateWindows(store);
      running = [];
      metrics = createMetrics();
      begin = Math.floor(Date.now() / 10_000) * 10_000 - 60_000;
    });
    afterEach(async () => {
      await Promise.all(running.map((worker) => worker.stop(5_000)));
      await bench.close();
    });

    const start = async (definition = listing(options), further: Partial<StartWorkerOptions> = {}) => {
      const worker = await startWorker(
        workerDefinitionOf(plant.defineWorker({ name: 'metrics', windows: [definition] })),
        {
          ...{ store, broker: bench.broker, prefix: bench.opened.prefix, instance: 'one', metrics },
          ...{ logger: silentLogger(), leaseTtl: 300, ...further },
        },
      );
      running.push(worker);
      return worker;
    };
    const taken = (n: number, after: number, source = 'north') =>
      reading({ n, source, sensor: 'a', time: begin + after });
    const finals = async (count: number) =>
      eventually(`${count} results`, async () => {
        const results = (await resultsOf(store)).filter(({ window }) => window.final);
        return results.length >= count && results;
      });
    const late = async () => {
      const row = await readWindows(store.query, listingDefinition(options));
      return row === undefined ? [] : listLate(store.query, row.id, 100);
    };

    it('close by newer events, and the last one by the wall clock once every source is idle', async () => {
      await start();
      await bench.publish(taken(1, 0), taken(2, 9_999), taken(3, 10_000), taken(4, 11_000));
      const results = await finals(2);
      expect(results.map(({ numbers }) => numbers)).to.deep.equal([
        [1, 2],
        [3, 4],
      ]);
      const [first] = results;
      expect(first?.window).to.deep.equal({
        ...{ key: 'a', start: begin, end: begin + 10_000, count: 2, late: 0 },
        ...{ final: true, revision: 0, watermark: begin + 10_000, version: 1 },
      });
      await eventually(() => running[0]?.state().windows[0]?.status === 'reading');
      expect(running[0]?.state().windows[0]).to.include({ name: 'listing', version: 1, open: 0 });
    });

    it('emit a late event as a correction, count it and keep a row of it', async () => {
      await start();
      await bench.publish(taken(1, 0), taken(2, 20_000));
      await finals(2);
      await bench.publish(taken(3, 5_000));
      const [first, , corrected] = await finals(3);
      expect(corrected?.numbers).to.deep.equal([1, 3]);
      expect(corrected?.window).to.include({ revision: 1, corrects: first?.id, count: 2, late: 1, final: true });
      const [row] = await late();
      expect(row).to.include({ eventId: taken(3, 5_000).id, outcome: 'corrected', windowEnd: begin + 10_000 });
      const counted = await metrics.registry.getMetricsAsJSON();
      const values = counted.find(({ name }) => name === 'flotilla_window_late_total')?.values;
      expect(values?.find(({ labels }) => labels.outcome === 'corrected')?.value).to.equal(1);
    });

    it('count an event once that the log contains twice, also after a restart', async () => {
      const first = await start();
      await bench.publish(taken(1, 0), taken(1, 0));
      await finals(1);
      await first.stop(5_000);
      running.splice(0);
      await bench.publish(taken(1, 0), taken(2, 20_000));
      await start();
      const results = await finals(2);
      expect(results.map(({ numbers }) => numbers)).to.deep.equal([[1], [2]]);
    });

    it('refuse a time too far ahead and data that does not match, with a row, and go on', async () => {
      await start();
      const ahead = reading({ n: 1, source: 'north', sensor: 'a', time: Date.now() + 3_600_000 });
      const broken = { ...taken(2, 0), data: { sensor: 7, n: 2 } };
      const blank = reading({ n: 3, source: 'north', sensor: '', time: begin });
      await bench.publish(ahead, broken, blank, taken(4, 0));
      const results = await finals(1);
      expect(results.map(({ numbers }) => numbers)).to.deep.equal([[4]]);
      const refused = (await late()).map(({ code, outcome }) => `${outcome} ${code}`).sort();
      expect(refused).to.deep.equal([
        'refused contract.invalid_data',
        'refused windows.bad_key',
        'refused windows.time_ahead',
      ]);
    });

    it('refuse an event whose fold throws, with a row, and go on from the last commit', async () => {
      const picky = plant.defineWindows({
        ...{ name: 'listing', version: 1, grace: '1s', idleAfter: '300ms' },
        window: { kind: 'tumbling', size: 10_000, every: 10_000 },
        key: ({ data }) => data.sensor,
        initial: (): number[] => [],
        on: {
          'reading.taken': (numbers, { data }) => {
            numbers.push(data.n);
            if (data.n === 2) throw new RangeError('not 2');
            return numbers;
          },
        },
        emits: 'reading.listed',
        result: (numbers) => ({ numbers }),
      });
      await start(picky);
      await bench.publish(taken(1, 0), taken(2, 1), taken(3, 2));
      const results = await finals(1);
      expect(results.map(({ numbers }) => numbers)).to.deep.equal([[1, 3]]);
      expect((await late()).map(({ code, message }) => [code, message])).to.deep.equal([
        ['windows.fold_failed', 'not 2'],
      ]);
    });

    it('ignore events of sources that do not emit the type', async () => {
      await start(listing(options), { emitters: new Map([['reading.taken', new Set(['north'])]]) });
      await bench.publish(taken(1, 0, 'elsewhere'), taken(2, 0));
      expect((await finals(1)).map(({ numbers }) => numbers)).to.deep.equal([[2]]);
    });

    it('keep the state of a version: changed parameters need a new one, which starts beside it', async () => {
      const first = await start();
      await bench.publish(taken(1, 0), taken(2, 20_000));
      await finals(2);
      await first.stop(5_000);
      running.splice(0);
      const changed = listing({ ...options, grace: '2s' });
      const failure = await start(changed).then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(failure).to.include({ code: 'windows.changed' });
      await start(listing({ ...options, grace: '2s', version: 2 }));
      const results = await finals(4);
      expect(results.map(({ window }) => window.version)).to.deep.equal([1, 1, 2, 2]);
    });

    it('emit early results that are not final', async () => {
      begin = Math.floor(Date.now() / 10_000) * 10_000;
      await start(listing({ ...options, grace: '1h', idleAfter: '1h', early: '50ms' }));
      await bench.publish(taken(1, 0));
      await eventually(async () => (await resultsOf(store)).length === 1);
      await bench.publish(taken(2, 1));
      const results = await eventually(async () => {
        const all = await resultsOf(store);
        return all.length === 2 && all;
      });
      expect(results.map(({ numbers, window }) => [numbers, window.final, window.revision])).to.deep.equal([
        [[1], false, 0],
        [[1, 2], false, 1],
      ]);
      expect(results[1]?.window.corrects).to.equal(results[0]?.id);
    });
  });
}
