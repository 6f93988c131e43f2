import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { syncShim } from '../test/support/sync-shim/sync-shim.js';
import type { SlowDiskResult } from './fixtures/slow-disk-process.js';
import type { Bench } from './support/bench.js';
import { startProgram } from './support/processes.js';
import { attemptAlternately } from './support/rounds.js';
import { sized } from './support/size.js';
import { median, type Row } from './support/table.js';

const APPENDS = sized(30_000);
/** Appends at a time: few wait for syncs, many fill each of them. */
const PARALLEL = [200, 1_000];
const SLOW_SYNC_MS = 5;
const ROUNDS = 3;
/** The share of the throughput of a fast disk that remains. */
const THROUGHPUT = 0.8;
const DELAY_MS = 10;

/** Appends while each sync takes 5 ms longer than the disk needs, compared with the disk itself. */
export const slowDisk: Bench = async ({ folder }) => {
  const rows: Row[] = [];
  for (const parallel of PARALLEL) rows.push(...(await measure(parallel, folder)));
  return rows;
};

async function measure(parallel: number, folder: string): Promise<Row[]> {
  let round = 0;
  const append = (delay: number) => async () => {
    const own = join(folder, `slow-disk-${parallel}-${round++}`);
    await mkdir(own);
    const args = [join(own, 'core.db'), String(APPENDS), String(parallel)];
    const process = await startProgram(
      'bench/fixtures/slow-disk-process.ts',
      args,
      await syncShim({ folder: own, delay }),
    );
    try {
      return (await process.call('append')) as SlowDiskResult;
    } finally {
      await process.stop();
    }
  };
  const outcomes = await attemptAlternately(ROUNDS, { fast: append(0), slow: append(SLOW_SYNC_MS) });
  const of = (name: 'fast' | 'slow', what: keyof SlowDiskResult) => {
    const results = outcomes[name];
    if (results instanceof Error) throw results;
    return median(results.map((result) => result[what]));
  };
  const speed = (name: 'fast' | 'slow') =>
    `${Math.round(of(name, 'perSecond')).toLocaleString('en-US')}/s (${of(name, 'perSync').toFixed(0)} per sync)`;
  return [
    {
      name: `durable appends, ${parallel} at a time, each sync ${SLOW_SYNC_MS} ms slower`,
      ours: speed('slow'),
      bare: `the disk itself ${speed('fast')}`,
      ratio: of('slow', 'perSecond') / of('fast', 'perSecond'),
      target: THROUGHPUT,
    },
    {
      name: 'the same: delay of the event loop, 99th percentile',
      ours: `${of('slow', 'delay').toFixed(1)} ms`,
      bare: `limit ${DELAY_MS} ms; the disk itself ${of('fast', 'delay').toFixed(1)} ms`,
      ratio: of('slow', 'delay') / DELAY_MS,
      atMost: 1,
    },
  ];
}
