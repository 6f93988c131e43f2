import { randomUUID } from 'node:crypto';
import type { Broker, OutgoingMessage } from '../../broker/broker.js';
import { failedKey, type Names } from '../../broker/topology/topology.js';
import type { Clock } from '../../concurrency/clock.js';
import { sleep } from '../../concurrency/sleep.js';
import { Wakeup } from '../../concurrency/wakeup.js';
import { FlotillaError } from '../../errors.js';
import type { Store } from '../../store/store.js';

/** Another process has the mark for some milliseconds while it looks at it. */
const ABSENT_MS = 5_000;
/** Limits the wait for the broker. */
const LIMIT_MS = 30_000;
const POLL_INTERVAL_MS = 100;
const PREFETCH = 100;

export interface MarkPlace {
  store: Pick<Store, 'query' | 'transaction'>;
  broker: Pick<Broker, 'consume' | 'createPublisher'>;
  names: Names;
  clock: Pick<Clock, 'elapsed' | 'after'>;
}

/**
 * Throws `worker.broker_changed` if an ordered worker has handled messages in another broker: those that still wait there would be
 * handled after later ones. Its first start puts a mark into a queue of the broker, a message with a random id, which is also in
 * the store. Unlike exchanges and queues, a message is not copied with the definitions of a broker.
 */
export async function requireSameBroker(worker: string, place: MarkPlace): Promise<void> {
  const end = place.clock.elapsed() + LIMIT_MS;
  for (;;) {
    try {
      const mark = (await readMark(place, worker)) ?? (await putMark(worker, place, 'unless marked'));
      if (await hasMark(mark, worker, place)) return;
    } catch (error) {
      if (!isTransient(error) || place.clock.elapsed() >= end) throw error;
      await sleep(POLL_INTERVAL_MS, undefined, place.clock.after);
      continue;
    }
    throw new FlotillaError('worker.broker_changed', `the mark of ${worker} is not in ${place.names.mark(worker)}`);
  }
}

/** Puts a mark into the broker: the ordered worker handles messages there from now on. Resolves with the mark in the store;
 *  `unless marked`: that of another process, if there is one. */
export async function putMark(
  worker: string,
  { store, broker, names, clock }: MarkPlace,
  mode: 'replace' | 'unless marked',
): Promise<string> {
  const mark = randomUUID();
  const publisher = broker.createPublisher();
  const late = new AbortController();
  const cancel = clock.after(LIMIT_MS, () => late.abort(new FlotillaError('broker.timeout', names.mark(worker))));
  try {
    await publisher.ready(late.signal);
    await publisher.publish(markMessage(mark, worker, names));
  } finally {
    cancel();
    await publisher.close();
  }
  return store.transaction(async ({ sql }) => {
    if (mode === 'replace') await sql`DELETE FROM flotilla_marks WHERE worker = ${worker}`;
    await sql`INSERT INTO flotilla_marks (worker, mark) VALUES (${worker}, ${mark}) ON CONFLICT (worker) DO NOTHING`;
    const [row] = await sql<{ mark: string }>`SELECT mark FROM flotilla_marks WHERE worker = ${worker}`;
    return row?.mark ?? mark;
  });
}

async function readMark({ store }: Pick<MarkPlace, 'store'>, worker: string): Promise<string | undefined> {
  const [row] = await store.query<{ mark: string }>`SELECT mark FROM flotilla_marks WHERE worker = ${worker}`;
  return row?.mark;
}

function markMessage(mark: string, worker: string, names: Names): OutgoingMessage {
  return {
    exchange: names.failed(worker),
    routingKey: failedKey('mark'),
    body: new Uint8Array(),
    properties: { messageId: mark },
    mandatory: true,
    vouch: { origin: 'fleet', for: names.queue(worker) },
  };
}

/** Looks for the mark in its queue, where it remains. Others were put by processes that did not store theirs: they are removed. */
async function hasMark(mark: string, worker: string, { broker, names, clock }: MarkPlace): Promise<boolean> {
  const queue = names.mark(worker);
  const wakeup = new Wakeup(clock.after);
  let found = false;
  const consumer = broker.consume(queue, {
    prefetch: PREFETCH,
    onDelivery(delivery) {
      if (delivery.properties.messageId !== mark) return delivery.ack();
      found = true;
      wakeup.notify();
    },
  });
  const end = clock.elapsed() + LIMIT_MS;
  let waitingSince = clock.elapsed();
  try {
    while (!found && clock.elapsed() - waitingSince < ABSENT_MS) {
      await wakeup.wait(POLL_INTERVAL_MS);
      if (consumer.consuming) continue;
      waitingSince = clock.elapsed();
      if (waitingSince >= end) throw new FlotillaError('broker.no_answer', queue);
    }
    return found;
  } finally {
    await consumer.close();
  }
}

function isTransient(error: unknown): boolean {
  return error instanceof FlotillaError && TRANSIENT.has(error.code);
}

const TRANSIENT: ReadonlySet<string> = new Set([
  'broker.disconnected',
  'broker.timeout',
  'broker.nacked',
  'broker.returned', // its queue is being declared
]);
