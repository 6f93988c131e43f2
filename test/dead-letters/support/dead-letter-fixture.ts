import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import type { Broker, Delivery } from '../../../src/broker/broker.js';
import type { Fields } from '../../../src/broker/messages/amqp-fields.js';
import { HEADERS, writeAttempts } from '../../../src/broker/messages/headers.js';
import { createMemoryBroker } from '../../../src/broker/memory/broker.js';
import { createRabbitBroker } from '../../../src/broker/rabbitmq/broker.js';
import { namesFor, topologyOf } from '../../../src/broker/topology/topology.js';
import { baseCatalogue, catalogue } from '../../../src/fleet/catalogue.js';
import { migrateDeadLetters } from '../../../src/dead-letters/storage/migrations.js';
import type { DeadLetterContext } from '../../../src/dead-letters/operations/replay-dead-letters.js';
import { createEvent, originContext } from '../../../src/events/create.js';
import { command, event } from '../../../src/events/definition.js';
import { CLOUDEVENTS_JSON } from '../../../src/events/envelope.js';
import { derivedId } from '../../../src/events/ids.js';
import { openSqliteStore } from '../../../src/store/sqlite/index.js';
import { silentLogger } from '../../../src/telemetry/logger.js';
import { cleanUp, testBroker } from '../../support/rabbitmq.js';

/** The messages of the fixture. */
export const payments = catalogue(baseCatalogue, {
  'payment.process': command({ 1: z.strictObject({ orderId: z.string(), amount: z.int().positive() }) }),
  'payment.processed': event({ 1: z.strictObject({ orderId: z.string() }) }),
});

export const { definitions } = payments;

/** A store `ops` in a separate folder, and a broker with the queues of two workers. */
export async function openFixture(kind: 'memory' | 'rabbitmq' = 'memory') {
  const folder = await mkdtemp(join(tmpdir(), 'flotilla-dead-'));
  const path = join(folder, 'ops.db');
  const store = await openSqliteStore({ service: 'ops', path });
  await migrateDeadLetters(store);
  const shared = kind === 'rabbitmq' ? await testBroker() : undefined;
  const prefix = shared?.prefix ?? '';
  const broker: Broker = shared
    ? createRabbitBroker({
        url: shared.amqpUrl,
        managementUrl: shared.managementUrl,
        connectionName: 'test',
        logger: silentLogger(),
      })
    : createMemoryBroker();
  const names = namesFor(prefix);
  const workers = [
    { name: 'payment', patterns: ['payment.process'], retryDelays: [3_600_000, 7_200_000] },
    { name: 'shipping', patterns: ['shipment.*'], retryDelays: [3_600_000] },
  ];
  await broker.applyTopology(
    topologyOf(workers, { prefix, log: { maxAge: '1h', maxBytes: 1_000_000 }, unroutedMax: 100 }),
  );
  const publisher = broker.createPublisher();
  await publisher.ready();
  const workerNames = workers.map(({ name }) => name);
  const replayer: DeadLetterContext = { store, broker, names, workers: workerNames, definitions, now: Date.now };
  return {
    path,
    prefix,
    amqpUrl: shared?.amqpUrl ?? '',
    store,
    broker,
    names,
    workers,
    replayer,
    publisher,
    logger: silentLogger(),
    workerNames,
    async close() {
      await publisher.close();
      await broker.close();
      await store.close();
      await rm(folder, { recursive: true, force: true });
      if (shared) await cleanUp(prefix);
    },
  };
}

export type DeadLetterFixture = Awaited<ReturnType<typeof openFixture>>;

export interface DeadLetterMessageOptions {
  worker?: string;
  orderId?: string;
  amount?: unknown;
  type?: string;
  code?: string;
  message?: string;
  at?: string;
  body?: Uint8Array;
  headers?: Fields;
}

/** A dead letter as the worker runtime publishes it. */
export function deadLetterMessage(options: DeadLetterMessageOptions = {}) {
  const { worker = 'payment', orderId = 'o1', amount = 500, type = 'payment.process' } = options;
  const subject = `order/${orderId}`;
  const origin = createEvent(
    definitions,
    'payment.process',
    { orderId, amount: 500 },
    originContext({ source: 'core', subject }),
  );
  const event = { ...origin, type, data: { orderId, amount } };
  const body = options.body ?? Buffer.from(JSON.stringify(event));
  const at = options.at ?? new Date().toISOString();
  const code = options.code ?? 'worker.handler_failed';
  const message = options.message ?? 'boom';
  const attempt = { at, worker, instance: 'host-1', code, name: 'Error', message, delay: null };
  return {
    event,
    worker,
    body,
    properties: {
      messageId: event.id,
      type,
      appId: 'core',
      contentType: CLOUDEVENTS_JSON,
      correlationId: event.correlationid,
      headers: {
        [HEADERS.attempts]: writeAttempts([{ ...attempt, delay: 1000 }, attempt]),
        [HEADERS.attempt]: 2,
        [HEADERS.exchange]: 'events.work',
        [HEADERS.routingKey]: type,
        [HEADERS.deadLetterId]: derivedId(Date.parse(at), event.id, worker),
        [HEADERS.errorCode]: code,
        [HEADERS.errorMessage]: message,
        [HEADERS.deadAt]: at,
        [HEADERS.subject]: subject,
        ...options.headers,
      } as Fields,
    },
  };
}

export type DeadLetterMessage = ReturnType<typeof deadLetterMessage>;

/** Publishes dead letters to the dead-letter queue of a worker. */
export async function publishDeadLetters(
  { publisher, names }: Pick<DeadLetterFixture, 'publisher' | 'names'>,
  ...letters: DeadLetterMessage[]
): Promise<void> {
  for (const { worker, body, properties } of letters) {
    await publisher.publish({ exchange: names.deadLetters, routingKey: worker, body, properties, mandatory: true });
  }
}

/** Consumes and acks the next `count` messages of a queue. */
export async function takeMessages(broker: Broker, queue: string, count: number): Promise<Delivery[]> {
  const taken: Delivery[] = [];
  let enough: () => void = () => undefined;
  const all = new Promise<void>((resolve) => (enough = resolve));
  const consumer = broker.consume(queue, {
    prefetch: count,
    onDelivery: (delivery) => {
      if (taken.length >= count) return;
      taken.push(delivery);
      delivery.ack();
      if (taken.length === count) enough();
    },
  });
  await all;
  await consumer.close();
  return taken;
}
