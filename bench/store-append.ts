import Database from 'better-sqlite3';
import type { UnsequencedEvent } from '../src/events/envelope.js';
import { newId } from '../src/events/ids.js';
import { openSqliteStore } from '../src/store/sqlite/index.js';
import { idValue } from '../src/store/sqlite/tables/id-values.js';
import type { Bench } from './support/bench.js';
import { measureAlternately, speedOf, type Speed } from './support/rounds.js';
import { sized } from './support/size.js';
import { appendSingles, eventsOf } from './support/store-events.js';
import { rate } from './support/table.js';

const SINGLES = sized(20_000);
const ALONE = sized(4_000);
const PARALLEL = 64;
/** Target per second on an otherwise idle machine with 2 cores. */
const AIM = 20_000;
const BATCHES = sized(300);
const BATCH = 100;
const ROUNDS = 5;

/** Durable appends of single events by many callers, compared with the same store without group commit; and of batches
 *  by one caller, compared with bare better-sqlite3 with the same tables, pragmas and rows. */
export const storeAppend: Bench = async ({ folder }) => {
  let round = 0;
  const fresh = () => `${folder}/append-${round++}.db`;

  const singles = (count: number, maxGroup: number) => async () => {
    const store = await openSqliteStore({ service: 'core', path: fresh(), limits: { maxGroup } });
    const events = Array.from({ length: count }, () => eventsOf(`job/${newId()}`, 1)).flat();
    const speed = await speedOf(count, () => appendSingles(store, events, PARALLEL));
    await store.close();
    return speed;
  };
  const together = await measureAlternately(ROUNDS, { ours: singles(SINGLES, 500), alone: singles(ALONE, 1) });

  const batches = (): UnsequencedEvent[][] => Array.from({ length: BATCHES }, () => eventsOf(`job/${newId()}`, BATCH));
  const ours = async () => {
    const store = await openSqliteStore({ service: 'core', path: fresh() });
    const all = batches();
    const speed = await speedOf(BATCHES * BATCH, async () => {
      for (const events of all) await store.append(events[0]?.subject ?? '', 'none', events);
    });
    await store.close();
    return speed;
  };
  const bare = async () => {
    const path = fresh();
    await (await openSqliteStore({ service: 'core', path })).close();
    return appendBare(path, batches());
  };
  const batched = await measureAlternately(ROUNDS, { ours, bare });

  return [
    {
      name: `durable appends of one event, ${PARALLEL} at a time, new streams`,
      ours: rate(together.ours),
      bare: `goal ${AIM.toLocaleString('en-US')}/s`,
      ratio: together.ours.perSecond / AIM,
      target: 1,
    },
    {
      name: 'the same, compared with one commit each',
      ours: rate(together.ours),
      bare: `one commit each ${rate(together.alone)}`,
      ratio: together.ours.perSecond / together.alone.perSecond,
      target: 4,
    },
    {
      name: `durable appends of ${BATCH} events, one at a time`,
      ours: rate(batched.ours),
      bare: `better-sqlite3 ${rate(batched.bare)}`,
      ratio: batched.ours.perSecond / batched.bare.perSecond,
      target: 0.8,
    },
  ];
};

/** Inserts the rows of a store with prepared statements, one transaction per batch. */
async function appendBare(path: string, batches: readonly UnsequencedEvent[][]): Promise<Speed> {
  const db = new Database(path);
  db.pragma('synchronous = FULL');
  const stream = db.prepare('INSERT INTO flotilla_streams (name) VALUES (?)');
  const type = db.prepare('INSERT INTO flotilla_types (name) VALUES (?)').run('job.begun').lastInsertRowid;
  const insert = db.prepare(
    'INSERT INTO flotilla_events (stream, version, id, type, time, correlation, body) VALUES (?, ?, ?, ?, ?, ?, ?)',
  );
  const append = db.transaction((events: UnsequencedEvent[]) => {
    const key = stream.run(events[0]?.subject).lastInsertRowid;
    for (const [index, event] of events.entries()) {
      const body = JSON.stringify({ ...event, sequence: String(index + 1) });
      const time = Date.parse(event.time);
      insert.run(key, index + 1, idValue(event.id), type, time, idValue(event.correlationid), body);
    }
  });
  const speed = await speedOf(batches.length * BATCH, () => {
    for (const events of batches) append.immediate(events);
    return Promise.resolve();
  });
  db.close();
  return speed;
}
