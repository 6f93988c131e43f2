import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { generator } from '../../../src/testing/simulation/seeded.js';
import { migrateWindows } from '../../../src/windows/state/migrations.js';
import { listLate } from '../../../src/windows/state/late-table.js';
import { readWindows } from '../../../src/windows/state/windows-table.js';
import { openLogFixture } from '../../event-log/support/log-fixture.js';
import { eventually } from '../../support/eventually.js';
import { testBroker } from '../../support/rabbitmq.js';
import { compare } from './compare.js';
import { recompute, type Arrived, type ArrivedTogether } from './oracle.js';
import { listingDefinition, reading, readings, type ListingOptions } from './readings.js';
import { resultsOf } from './run-script.js';

const FIXTURE = fileURLToPath(new URL('../fixtures/windows-process.ts', import.meta.url));

export interface KillWindowsOptions {
  seed: number;
  kind: ListingOptions['kind'];
  /** A batch contains up to 500: there must be enough for the batches of `points`. */
  readings: number;
  /** The failpoint at which each process is killed, in turn. */
  points: readonly string[];
}

/** Publishes readings, kills processes that compute windows from them, and compares the results of the last one, which is
 *  not killed, with a plain recomputation. */
export async function killWindows({ seed, kind, readings: count, points }: KillWindowsOptions): Promise<void> {
  const definition = listingDefinition({ kind });
  const bench = await openLogFixture('rabbitmq');
  let child: ChildProcess | undefined;
  const start = async (point = '') => {
    const { amqpUrl } = await testBroker();
    child = fork(FIXTURE, [point, amqpUrl, bench.opened.prefix, bench.folder, kind]);
    return child;
  };
  try {
    const store = await bench.open('metrics');
    await migrateWindows(store);
    const script = randomReadings(seed, count);
    await bench.publish(...script.map((step) => ('parts' in step ? readings(step) : reading(step))));
    for (const point of points) {
      const killed = await start(point);
      await eventually(`the process is killed at ${point}`, () => {
        if (killed.exitCode !== null) throw new Error(`It exited with ${killed.exitCode}`);
        return killed.signalCode === 'SIGKILL';
      });
    }
    // the wall clock closes the last windows
    const expected = recompute(definition, [...script, { tick: Date.now() }]);
    await start();
    const total = expected.windows.length;
    await eventually(`the results of ${total} windows`, async () => {
      const results = (await resultsOf(store)).filter(({ window }) => window.final);
      return new Set(results.map(({ window }) => `${window.key} ${window.end}`)).size >= total;
    });
    const row = await readWindows(store.query, definition);
    const late = row === undefined ? [] : await listLate(store.query, row.id, 100_000);
    compare({ results: await resultsOf(store), late, row, crashes: points.length }, { ...expected, watermark: NaN });
  } finally {
    if (child?.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    await bench.close();
  }
}

/** Readings of two sources over some minutes of an hour ago, some of them late, repeated, or several in one event. They arrive as history: the
 *  newest time is the time of arrival. */
function randomReadings(seed: number, count: number): (Arrived | ArrivedTogether)[] {
  const random = generator(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const script: (Arrived | ArrivedTogether)[] = [];
  let now = Date.now() - 3_600_000;
  let at = -Infinity;
  for (let n = 1; n <= count; n += 1) {
    now += below(400);
    const earlier = script[below(script.length)];
    if (earlier !== undefined && random() < 0.05) {
      script.push({ ...earlier, at });
      continue;
    }
    const source = random() < 0.8 ? 'north' : 'south';
    const taken = (number: number) => {
      const time = now - below(random() < 0.1 ? 60_000 : 4_000);
      at = Math.max(at, time);
      return { n: number, sensor: ['a', 'b', 'c', 'd'][below(4)] ?? '', time };
    };
    if (random() < 0.8) script.push({ ...taken(n), source, at });
    else {
      const parts = Array.from({ length: below(4) }, (_, place) => taken(1_000_000 + n * 10 + place));
      script.push({ n, source, parts, at });
    }
  }
  return script;
}
