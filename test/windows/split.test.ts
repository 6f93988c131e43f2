import { expect } from 'chai';
import { tumbling } from 'flotilla';
import { windowsHarness, type WindowsHarnessResult } from 'flotilla/testing';
import { silentLogger } from '../../src/telemetry/logger.js';
import { windowsDefinitionOf } from '../../src/windows/definition.js';
import { listLate } from '../../src/windows/state/late-table.js';
import { migrateWindows } from '../../src/windows/state/migrations.js';
import { prepareWindows, readWindows } from '../../src/windows/state/windows-table.js';
import { workerDefinitionOf } from '../../src/worker/definition/worker-definition.js';
import { startWorker } from '../../src/worker/start.js';
import { openLogFixture } from '../event-log/support/log-fixture.js';
import { eventually } from '../support/eventually.js';
import { plant, readings, type PartTaken } from './support/readings.js';
import { resultsOf } from './support/run-script.js';

const BEGIN = Date.parse('2026-01-31T08:00:00Z');

/** Windows of one key that list the numbers of readings, and throw for one of them. */
const lists = (failsFor = NaN) =>
  plant.defineWindows({
    ...{ name: 'lists', version: 1, window: tumbling('10s'), grace: '1s', idleAfter: '300ms' },
    split: {
      'readings.taken': ({ data }) => {
        if (data.readings.length === 0) throw new RangeError('no readings');
        return data.readings.map(({ id, ...part }) => ({ data: part, id }));
      },
    },
    time: ({ data }) => data.time,
    initial: (): number[] => [],
    on: {
      'readings.taken': (numbers, { data }) => {
        numbers.push(data.n);
        if (data.n === failsFor) throw new RangeError('not this one');
        return numbers;
      },
    },
    emits: 'reading.listed',
    result: (numbers) => ({ numbers }),
  });

describe('windows over the parts of events', () => {
  const together = (n: number, ...parts: Omit<PartTaken, 'sensor'>[]) => {
    const taken = parts.map((part) => ({ ...part, sensor: 'a', time: BEGIN + part.time }));
    return { ...readings({ n, source: 'north', parts: taken }), time: new Date(BEGIN).toISOString() };
  };
  const numbersOf = ({ results }: WindowsHarnessResult) => results.map(({ data }) => data.numbers);

  it('count a part by its own time, and name the one that is late by its id or its place', async () => {
    const outcome = await windowsHarness(lists())
      .receive(together(1, { n: 11, time: 9_000 }, { n: 12, time: 25_000 }, { n: 13, time: 1_000 }))
      .receive(together(2, { n: 21, time: 26_000 }, { n: 22, time: 2_000 }, { n: 23, time: 3_000, id: 'own' }))
      .result();
    expect(numbersOf(outcome)).to.deep.equal([
      [11, 13],
      [11, 13, 22, 23],
    ]);
    expect(outcome.late.map(({ part, outcome, lateBy }) => [part, outcome, lateBy])).to.deep.equal([
      ['1', 'corrected', 14_001],
      ['own', 'corrected', 14_001],
    ]);
  });

  it('refuse a part without a usable id alone, and an event that cannot be split', async () => {
    const outcome = await windowsHarness(lists())
      .receive(together(1, { n: 11, time: 0 }, { n: 12, time: 0, id: 'two\nlines' }, { n: 13, time: 0 }))
      .receive(together(2))
      .receive(together(3, ...Array.from({ length: 10_001 }, (_, n) => ({ n, time: 0 }))))
      .advance('1m')
      .result();
    expect(numbersOf(outcome)).to.deep.equal([[11, 13]]);
    expect(outcome.late.map(({ part, code }) => `${part} ${code}`).sort()).to.deep.equal([
      ' windows.split_failed',
      ' windows.split_failed',
      '1 windows.bad_part_id',
    ]);
  });

  it('refuse a part whose fold throws, with a row, without losing the others', async function () {
    this.timeout(20_000);
    const bench = await openLogFixture('memory');
    try {
      const store = await bench.open('metrics');
      await migrateWindows(store);
      const windows = lists(12);
      const running = await startWorker(
        workerDefinitionOf(plant.defineWorker({ name: 'metrics', windows: [windows] })),
        {
          ...{ store, broker: bench.broker, prefix: bench.opened.prefix, instance: 'one' },
          ...{ logger: silentLogger(), leaseTtl: 300 },
        },
      );
      await bench.publish(together(1, { n: 11, time: 0 }, { n: 12, time: 1 }, { n: 13, time: 2 }));
      const [first] = await eventually('a result', async () => {
        const results = await resultsOf(store);
        return results.length > 0 && results;
      });
      await running.stop(5_000);
      expect(first?.numbers).to.deep.equal([11, 13]);
      const row = await readWindows(store.query, windowsDefinitionOf(windows));
      const late = await listLate(store.query, row?.id ?? 0, 10);
      expect(late.map(({ part, code }) => [part, code])).to.deep.equal([['1', 'windows.fold_failed']]);
      // the types that are split belong to a version
      const unsplit = { ...windowsDefinitionOf(windows), splitOf: new Map() };
      const failed = await prepareWindows(store, unsplit, BEGIN).catch((error: unknown) => error);
      expect(failed).to.have.property('code', 'windows.changed');
    } finally {
      await bench.close();
    }
  });

  it('are refused by the compiler, and at start, for a pattern without a fold', () => {
    const define = () =>
      plant.defineWindows({
        ...{ name: 'lists', version: 1, window: tumbling('10s'), grace: '1s', initial: () => 0 },
        // @ts-expect-error `on` has no such pattern
        split: { 'readings.token': () => [{ data: 1 }] },
        on: { 'readings.taken': (count) => count + 1 },
        emits: 'reading.listed',
        result: () => ({ numbers: [] }),
      });
    expect(define)
      .to.throw('it splits readings.token, which is not in `on`')
      .with.property('code', 'windows.bad_definition');
  });
});
