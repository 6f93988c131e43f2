import { z } from 'zod';
import { baseCatalogue, catalogue, command, event, type EventEnvelope, type UnsequencedEvent } from 'flotilla';
import { createEvent, originContext } from '../src/events/create.js';
import { advance } from '../src/sagas/advance.js';
import { sagaMigrations } from '../src/sagas/saga-table.js';
import type { Store } from '../src/store/store.js';
import { openSqliteStore } from '../src/store/sqlite/index.js';
import type { Bench, BenchContext } from './support/bench.js';
import { measureAlternately, speedOf } from './support/rounds.js';
import { sized } from './support/size.js';
import { rate } from './support/table.js';
import { sagaDefinitionOf } from '../src/sagas/definition/define-saga.js';

const SAGAS = sized(5_000);
const ROUNDS = 3;
const CONCURRENT_SAGAS = 100;

const about = z.strictObject({ id: z.string() });
const shop = catalogue(baseCatalogue, {
  'basket.ordered': event({ 1: about }),
  'reserve.do': command({ 1: about }),
  'reserve.done': event({ 1: about }),
  'pay.do': command({ 1: about }),
  'pay.done': event({ 1: about }),
  'ship.do': command({ 1: about }),
  'ship.done': event({ 1: about }),
});

const timeout = '10m';
const definition = sagaDefinitionOf(
  shop.defineSaga({
    name: 'shopping',
    startedBy: 'basket.ordered',
    input: ({ id }) => ({ id }),
    subject: (id) => `basket/${id}`,
    steps: [
      { name: 'reserve', command: { type: 'reserve.do', data: ({ input }) => input }, done: 'reserve.done', timeout },
      { name: 'pay', command: { type: 'pay.do', data: ({ input }) => input }, done: 'pay.done', timeout },
      { name: 'ship', command: { type: 'ship.do', data: ({ input }) => input }, done: 'ship.done', timeout },
    ],
  }),
);
const MESSAGES = ['basket.ordered', 'reserve.done', 'pay.done', 'ship.done'];

/** Sagas of three steps that complete, four messages each, compared with a store that appends the same events and
 *  timers without reading or deciding anything. */
export const sagas: Bench = async ({ folder }: BenchContext) => {
  let round = 0;
  const open = async (name: string) => {
    const store = await openSqliteStore({ service: 'shop', path: `${folder}/sagas-${name}-${round++}.db` });
    await store.migrate('sagas', sagaMigrations);
    return store;
  };
  const ours = async () => {
    const store = await open('ours');
    const speed = await speedOf(SAGAS * MESSAGES.length, () => everySaga((id) => completeSaga(store, id)));
    await store.close();
    return speed;
  };
  const written = await eventsOfOne(await open('model'));
  const bare = async () => {
    const store = await open('bare');
    const speed = await speedOf(SAGAS * MESSAGES.length, () => everySaga((id) => writeTheSame(store, written, id)));
    await store.close();
    return speed;
  };
  const medians = await measureAlternately(ROUNDS, { ours, bare });
  return [
    {
      name: `messages of sagas of three steps, ${CONCURRENT_SAGAS} at a time`,
      ours: rate(medians.ours),
      bare: `the same events appended alone ${rate(medians.bare)}`,
      ratio: medians.ours.perSecond / medians.bare.perSecond,
    },
  ];
};

async function everySaga(work: (id: string) => Promise<void>): Promise<void> {
  let next = 0;
  const one = async () => {
    for (let n = next++; n < SAGAS; n = next++) await work(`s${n}`);
  };
  await Promise.all(Array.from({ length: CONCURRENT_SAGAS }, one));
}

const messagesOf = (id: string): EventEnvelope[] =>
  MESSAGES.map((type) =>
    createEvent(shop.definitions, type, { id }, originContext({ source: 'bench', subject: `basket/${id}` })),
  );

async function completeSaga(store: Store, sagaId: string): Promise<void> {
  for (const message of messagesOf(sagaId)) {
    const input = { kind: 'message', sagaId, now: Date.now(), event: message } as const;
    await store.transaction(async (tx) => {
      await tx.markHandled({ consumer: 'shopping', source: message.source, id: message.id });
      await advance(tx, definition, input, (subject) => originContext({ source: 'shop', subject }));
    });
  }
}

/** The events that a saga writes for each of its messages. */
async function eventsOfOne(store: Store): Promise<UnsequencedEvent[][]> {
  const batches: UnsequencedEvent[][] = [];
  for (const message of messagesOf('model')) {
    const before = await store.head();
    const input = { kind: 'message', sagaId: 'model', now: Date.now(), event: message } as const;
    await store.transaction(async (tx) => {
      await advance(tx, definition, input, (subject) => originContext({ source: 'shop', subject }));
    });
    batches.push((await store.readAll(before)).map(({ event: { sequence: _sequence, ...stored } }) => stored));
  }
  await store.close();
  return batches;
}

async function writeTheSame(store: Store, batches: readonly UnsequencedEvent[][], sagaId: string): Promise<void> {
  for (const [index, batch] of batches.entries()) {
    const timer = `${sagaId}/${index}`;
    await store.transaction(async (tx) => {
      await tx.markHandled({
        consumer: 'shopping',
        source: 'bench',
        id: originContext({ source: 'b', subject: 'c' }).id,
      });
      for (const each of batch) {
        const stream = each.subject.replace('model', sagaId);
        await tx.append(stream, 'any', [{ ...each, ...fresh(), subject: stream }]);
      }
      if (index > 0) await tx.cancelTimer(`${sagaId}/${index - 1}`);
      const [first] = batch;
      if (index < batches.length - 1 && first !== undefined) {
        await tx.schedule({ id: timer, dueAt: Date.now() + 600_000, event: { ...first, ...fresh() } });
      }
    });
  }
}

const fresh = () => ({ id: originContext({ source: 'shop', subject: 'x' }).id });
