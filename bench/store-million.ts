import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { loadAggregate } from '../src/aggregates/load.js';
import type { Decider } from '../src/aggregates/decider.js';
import { newId } from '../src/events/ids.js';
import type { Store } from '../src/store/store.js';
import { openSqliteStore } from '../src/store/sqlite/index.js';
import { shop } from '../test/support/shop.js';
import type { Bench } from './support/bench.js';
import { measureAlternately, speedOf } from './support/rounds.js';
import { sized } from './support/size.js';
import { appendSingles, eventsOf, fillTo } from './support/store-events.js';
import { rate } from './support/table.js';

const FEW = sized(10_000);
const MANY = sized(1_000_000);
const LONG = sized(100_000);
/** Events of the short aggregate, and events after the snapshot of the long one. */
const SHORT = 100;
const APPENDS = sized(5_000);
const LOADS = sized(500);
const ROUNDS = 5;
const MEMORY = 200 * 2 ** 20;

/** The state is the number of events; with a snapshot, or without one. */
const counter: Decider<number, never> = {
  aggregate: 'job',
  events: ['job.begun'],
  initial: 0,
  decide: () => [],
  evolve: (count) => count + 1,
  snapshot: { every: SHORT, shape: 1 },
};

/** A store with a million events: appends compared with a store of 10,000 events, the memory of a replay, and loading
 *  a long aggregate compared with a short one. */
export const storeMillion: Bench = async ({ folder }) => {
  const path = `${folder}/million.db`;
  const few = await openSqliteStore({ service: 'core', path: `${folder}/few.db` });
  const many = await openSqliteStore({ service: 'core', path });
  console.log(`  filling a store with ${MANY.toLocaleString('en-US')} events`);
  await fillTo(few, FEW);
  await appendLong(many);
  await fillTo(many, MANY);

  const append = (store: Store) => () => {
    const events = Array.from({ length: APPENDS }, () => eventsOf(`job/${newId()}`, 1)).flat();
    return speedOf(APPENDS, () => appendSingles(store, events, 64));
  };
  const appends = await measureAlternately(ROUNDS, { many: append(many), few: append(few) });

  const load = (id: string, events: number) => () =>
    speedOf(LOADS, async () => {
      for (let n = 0; n < LOADS; n++) {
        const { state } = await loadAggregate(many, shop.definitions, counter, id);
        if (state !== events) throw new Error(`${state} of ${events} events`);
      }
    });
  const loads = await measureAlternately(ROUNDS, { long: load('long', LONG), short: load('short', SHORT) });
  await Promise.all([few.close(), many.close()]);
  const replayed = await replay(path);

  return [
    {
      name: `appends, 64 at a time, into a store of ${MANY.toLocaleString('en-US')} events`,
      ours: rate(appends.many),
      bare: `store of ${FEW.toLocaleString('en-US')} ${rate(appends.few)}`,
      ratio: appends.many.perSecond / appends.few.perSecond,
      target: 0.9,
    },
    {
      name: `replay of ${replayed.events.toLocaleString('en-US')} events, parsed: peak RSS of its process`,
      ours: `${(replayed.rss / 2 ** 20).toFixed(0)} MiB, ${Math.round(replayed.events / replayed.seconds).toLocaleString('en-US')}/s`,
      bare: `${MEMORY / 2 ** 20} MiB`,
      ratio: replayed.rss / MEMORY,
      atMost: 1,
    },
    {
      name: `loading an aggregate of ${LONG.toLocaleString('en-US')} events, its snapshot ${SHORT} behind`,
      ours: rate(loads.long),
      bare: `one of ${SHORT} events, no snapshot ${rate(loads.short)}`,
      ratio: loads.long.perSecond / loads.short.perSecond,
      target: 0.8,
    },
  ];
};

async function appendLong(store: Store): Promise<void> {
  await store.append('job/short', 'none', eventsOf('job/short', SHORT));
  for (let at = 0; at < LONG; at += 1_000) {
    await store.append('job/long', 'any', eventsOf('job/long', Math.min(1_000, LONG - at)));
  }
  const version = LONG - SHORT;
  await store.transaction((tx) => tx.saveSnapshot('job/long', { version, shape: 1, state: version }));
}

async function replay(path: string): Promise<{ events: number; seconds: number; rss: number }> {
  const child = fork(fileURLToPath(new URL('fixtures/replay-process.ts', import.meta.url)), [path]);
  const [said] = (await once(child, 'message')) as [{ events: number; seconds: number; rss: number }];
  await once(child, 'exit');
  return said;
}
