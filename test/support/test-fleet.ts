import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Broker, Delivery, MessageProperties } from '../../src/broker/broker.js';
import { eventProperties } from '../../src/broker/messages/event-properties.js';
import { createRabbitBroker } from '../../src/broker/rabbitmq/broker.js';
import type { FleetKeys } from '../../src/broker/signing/fleet-keys.js';
import { signedBroker } from '../../src/broker/signing/signed-broker.js';
import { namesFor, topologyOf, type Names } from '../../src/broker/topology/topology.js';
import type { EventEnvelope } from '../../src/events/envelope.js';
import { createEvent, originContext } from '../../src/events/create.js';

import type { Store } from '../../src/store/store.js';
import { openSqliteStore } from '../../src/store/sqlite/index.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import type { Message } from '../../src/worker/pipeline/message.js';
import type { DeliveryOutcome } from '../../src/worker/pipeline/settle.js';
import { queuesOf } from '../../src/worker/definition/queues.js';
import { startWorker, type RunningWorker } from '../../src/worker/start.js';
import type { StartWorkerOptions } from '../../src/worker/prepare.js';
import type { Worker } from '../../src/worker/definition/worker-definition.js';
import { cleanUp, testBroker } from './rabbitmq.js';
import { workerDefinitionOf } from '../../src/worker/definition/worker-definition.js';

export interface Seen {
  outcome: DeliveryOutcome;
  id: string;
  code: string | undefined;
  attempt: number;
}

/** A worker on a real broker with a real store, and methods to wait for the outcomes of its messages. */
export interface TestFleet {
  broker: Broker;
  names: Names;
  store: Store;
  running: RunningWorker;
  seen: Seen[];
  /** Resolves once the outcomes so far fulfil the condition, which is checked after each outcome. */
  until: (condition: (seen: Seen[]) => boolean) => Promise<void>;
  event: (type: string, data: unknown, subject?: string) => EventEnvelope;
  /** Publishes directly to the worker's queue. */
  send: (...events: EventEnvelope[]) => Promise<void>;
  sendRaw: (body: Uint8Array, properties?: Parameters<typeof rawMessage>[1]) => Promise<void>;
  /** Resolves with this many dead letters of the worker. */
  deadLetters: (count: number) => Promise<Delivery[]>;
  stop: () => Promise<void>;
}

function rawMessage(body: Uint8Array, properties: MessageProperties = {}) {
  return { body, properties: { contentType: 'application/cloudevents+json', ...properties } };
}

/** `keys`: the worker verifies signatures; messages from the methods of this fleet are not signed. */
export async function testFleet(
  worker: Worker,
  { keys, ...options }: Partial<StartWorkerOptions> & { keys?: FleetKeys } = {},
): Promise<TestFleet> {
  const definition = workerDefinitionOf(worker);
  const { amqpUrl, managementUrl, prefix } = await testBroker();
  const folder = await mkdtemp(join(tmpdir(), 'flotilla-worker-'));
  const store = await openSqliteStore({ service: definition.store, path: join(folder, 'store.db') });
  const logger = silentLogger();
  const broker = createRabbitBroker({ url: amqpUrl, managementUrl, connectionName: prefix, logger });
  const names = namesFor(prefix);
  await broker.applyTopology(
    topologyOf([queuesOf(definition)], { prefix, log: { maxAge: '1h', maxBytes: 20_000_000 }, unroutedMax: 100 }),
  );
  const seen: Seen[] = [];
  const waiting = new Set<() => void>();
  const running = await startWorker(definition, {
    store,
    broker: keys === undefined ? broker : signedBroker(broker, { keys, verification: 'require' }),
    prefix,
    instance: 'test',
    logger,
    observe: (message: Message, outcome) => {
      const { failure, attempt, delivery } = message;
      seen.push({ outcome, id: delivery.properties.messageId ?? '', code: failure?.code, attempt });
      for (const wake of waiting) wake();
    },
    ...options,
  });
  const publisher = broker.createPublisher();
  await publisher.ready();

  const sendRaw: TestFleet['sendRaw'] = (body, properties) =>
    publisher.publish({ exchange: '', routingKey: names.queue(definition.name), ...rawMessage(body, properties) });

  return {
    broker,
    names,
    store,
    running,
    seen,
    until: (condition) =>
      new Promise((resolve) => {
        const wake = () => {
          if (!condition(seen)) return;
          waiting.delete(wake);
          resolve();
        };
        waiting.add(wake);
        wake();
      }),
    event: (type, data, subject = 'test/1') =>
      createEvent(definition.definitions, type, data, originContext({ source: 'test', subject })),
    async send(...events) {
      await Promise.all(
        events.map((event) =>
          publisher.publish({
            exchange: '',
            routingKey: names.queue(definition.name),
            body: Buffer.from(JSON.stringify(event)),
            properties: eventProperties({ ...event, correlationId: event.correlationid, time: Date.parse(event.time) }),
          }),
        ),
      );
    },
    sendRaw,
    async deadLetters(count) {
      const taken: Delivery[] = [];
      await new Promise<void>((resolve) => {
        const consumer = broker.consume(names.dead(definition.name), {
          prefetch: count,
          onDelivery: (delivery) => {
            taken.push(delivery);
            delivery.ack();
            if (taken.length === count) void consumer.close().then(resolve);
          },
        });
      });
      return taken;
    },
    async stop() {
      await running.stop(5000);
      await broker.close();
      await store.close();
      await cleanUp(prefix);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
