import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { platform } from '../platform/catalogue.js';
import { readCommitted } from '../src/contracts/committed.js';
import { createEvent, originContext } from '../src/events/create.js';
import { openSqliteStore } from '../src/store/sqlite/index.js';
import type { Bench } from './support/bench.js';
import { sized } from './support/size.js';

const EVENTS = sized(1_000_000);
const GOAL = 50_000;
const MEMORY = 200 * 2 ** 20;

/** What `fixtures/history-process.ts` reports. */
export interface HistoryMeasurement {
  checked: number;
  unreadable: number;
  seconds: number;
  /** Microseconds of CPU time per event. */
  cpu: number;
  /** The peak, in bytes. */
  rss: number;
}

/** `schemas check --history` over a store of a million events of every type of the platform. */
export const history: Bench = async ({ folder }) => {
  const path = `${folder}/core.db`;
  console.log(`  filling a store with ${EVENTS.toLocaleString('en-US')} events`);
  await fill(path);
  const child = fork(fileURLToPath(new URL('fixtures/history-process.ts', import.meta.url)), [path]);
  const [measured] = (await once(child, 'message')) as [HistoryMeasurement];
  await once(child, 'exit');
  const { checked, unreadable, seconds, cpu, rss } = measured;
  const perSecond = checked / seconds;
  return [
    {
      name: `schemas check --history, ${checked.toLocaleString('en-US')} events, ${unreadable} unreadable`,
      ours: `${Math.round(perSecond).toLocaleString('en-US')}/s (${cpu.toFixed(0)} µs CPU)`,
      bare: `goal ${GOAL.toLocaleString('en-US')}/s`,
      ratio: perSecond / GOAL,
      target: 1,
    },
    {
      name: 'the same: peak RSS of its process',
      ours: `${(rss / 2 ** 20).toFixed(0)} MiB`,
      bare: `${MEMORY / 2 ** 20} MiB`,
      ratio: rss / MEMORY,
      atMost: 1,
    },
  ];
};

async function fill(path: string): Promise<void> {
  const { samples } = await readCommitted(process.cwd());
  const { definitions } = platform;
  const newest = samples.filter(
    ({ type, version }) => definitions[type as keyof typeof definitions].latest === version,
  );
  const all = newest.flatMap(({ type, samples: { samples: each } }) => each.map(({ data }) => ({ type, data })));
  const store = await openSqliteStore({ service: 'core', path });
  for (let at = 0; at < EVENTS; at += 1_000) {
    const streams = Array.from({ length: 10 }, (_, n) => `order/${at + n}`);
    await Promise.all(
      streams.map((subject, stream) => {
        const context = {
          source: 'core',
          subject,
          traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
        };
        const events = Array.from({ length: 100 }, (_, n) => {
          const { type = '', data } = all[(stream * 100 + n) % all.length] ?? {};
          return createEvent(definitions, type, data, originContext(context));
        });
        return store.append(subject, 'none', events);
      }),
    );
  }
  await store.close();
}
