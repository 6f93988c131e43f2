import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Broker } from '../../../src/broker/broker.js';
import type { Fields } from '../../../src/broker/messages/amqp-fields.js';
import { eventProperties } from '../../../src/broker/messages/event-properties.js';
import {
  namesFor,
  topologyOf,
  type Names,
  type Topology,
  type WorkerQueues,
} from '../../../src/broker/topology/topology.js';
import { createEvent, originContext } from '../../../src/events/create.js';
import type { EventEnvelope } from '../../../src/events/envelope.js';
import type { Store } from '../../../src/store/store.js';
import { openSqliteStore } from '../../../src/store/sqlite/index.js';
import type { OpenBroker } from '../../contract/broker.js';
import { brokers } from '../../contract/open-brokers.js';
import { shop } from '../../support/shop.js';

/** A broker with the log, and stores in a folder; publishes entries, and drops them. */
export interface LogFixture {
  opened: OpenBroker;
  broker: Broker;
  names: Names;
  folder: string;
  open: (service: string) => Promise<Store>;
  /** Publishes to the exchange of the fleet, each message after the confirm of the previous one. */
  publish: (...events: EventEnvelope[]) => Promise<void>;
  publishRaw: (body: Uint8Array) => Promise<void>;
  /** Deletes and recreates the stream. */
  recreateStream: () => Promise<void>;
  close: () => Promise<void>;
}

/** `stream`: further arguments of the log, for example to make it small enough to be trimmed. */
export async function openLogFixture(
  kind: string,
  { workers = [], stream = {} }: { workers?: WorkerQueues[]; stream?: Fields } = {},
): Promise<LogFixture> {
  const open = brokers[kind];
  if (open === undefined) throw new Error(`no broker ${kind}`);
  const opened = await open();
  const { broker, prefix } = opened;
  await broker.ready();
  const names = namesFor(prefix);
  const base = topologyOf(workers, { prefix, log: { maxAge: '1h', maxBytes: 20_000_000 }, unroutedMax: 1000 });
  const topology: Topology = {
    ...base,
    queues: base.queues.map((queue) =>
      queue.name === names.log ? { ...queue, arguments: { ...queue.arguments, ...stream } } : queue,
    ),
  };
  await broker.applyTopology(topology);
  const folder = await mkdtemp(join(tmpdir(), 'flotilla-log-'));
  const stores: Store[] = [];
  const publisher = broker.createPublisher();
  await publisher.ready();
  return {
    opened,
    broker,
    names,
    folder,
    async open(service) {
      const store = await openSqliteStore({ service, path: join(folder, `${service}.db`) });
      stores.push(store);
      return store;
    },
    async publish(...events) {
      await publisher.ready();
      await Promise.all(
        events.map((event) =>
          publisher.publish({
            exchange: names.events,
            routingKey: event.type,
            body: Buffer.from(JSON.stringify(event)),
            properties: eventProperties({ ...event, correlationId: event.correlationid, time: Date.parse(event.time) }),
          }),
        ),
      );
    },
    async publishRaw(body) {
      await publisher.ready();
      await publisher.publish({ exchange: names.events, routingKey: 'job.begun', body, properties: {} });
    },
    async recreateStream() {
      await opened.deleteQueue(names.log);
      await broker.applyTopology(topology);
    },
    async close() {
      await opened.close();
      await Promise.all(stores.map((store) => store.close()));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The event `job.begun` with this number, of a service. */
export function jobBegun(n: number, source = 'jobs', type: 'job.begun' | 'job.finished' = 'job.begun'): EventEnvelope {
  return createEvent(shop.definitions, type, { n }, originContext({ source, subject: `job/${n}` }));
}

/** Stores events as a service does, and returns them in their wire format. */
export async function record(store: Store, numbers: readonly number[]): Promise<EventEnvelope[]> {
  const before = await store.head();
  await Promise.all(
    numbers.map((n) => {
      const event = jobBegun(n, store.service);
      return store.append(event.subject, 'any', [event]);
    }),
  );
  return (await store.readAll(before)).map(({ event }) => event);
}

export function numbers(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}
