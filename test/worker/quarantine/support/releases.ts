import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { baseCatalogue, catalogue, event } from 'flotilla';
import { z } from 'zod';
import type { Broker, Delivery, MessageProperties } from '../../../../src/broker/broker.js';
import { eventProperties } from '../../../../src/broker/messages/event-properties.js';
import { namesFor, topologyOf, type Names } from '../../../../src/broker/topology/topology.js';
import { createEvent, originContext } from '../../../../src/events/create.js';
import type { EventEnvelope } from '../../../../src/events/envelope.js';
import { peekQueue } from '../../../../src/queues/peek-queue.js';
import type { Store } from '../../../../src/store/store.js';
import { openSqliteStore } from '../../../../src/store/sqlite/index.js';
import { createMetrics, type Metrics } from '../../../../src/telemetry/metrics.js';
import { queuesOf } from '../../../../src/worker/definition/queues.js';
import { workerDefinitionOf, type WorkerDefinition } from '../../../../src/worker/definition/worker-definition.js';
import type { StartWorkerOptions } from '../../../../src/worker/prepare.js';
import { startWorker, type RunningWorker } from '../../../../src/worker/start.js';
import { openBroker } from '../../support/open-broker.js';
import { eventually } from '../../../support/eventually.js';
import { recordingLogger } from '../../../support/recording-logger.js';

const n = z.strictObject({ n: z.int() });
const withUnit = z.strictObject({ n: z.int(), unit: z.string() });

/** A catalogue in two releases: the newer one has a second version of `step.taken` and the type `step.added`. */
export const catalogues = {
  older: catalogue(baseCatalogue, { 'step.taken': event({ 1: n }), 'step.noted': event({ 1: n }) }),
  newer: catalogue(baseCatalogue, {
    'step.taken': event({ 1: n, 2: withUnit }, { 1: (data) => ({ ...data, unit: 'm' }) }),
    'step.noted': event({ 1: n }),
    'step.added': event({ 1: n }),
  }),
};
export type Release = keyof typeof catalogues;

export interface WalkerOptions {
  pattern?: 'step.*' | 'step.taken' | 'step.taken@1';
  from?: 'queue' | 'log';
  prefetch?: number;
  delays?: string[];
  /** Called with each event that is handled. */
  handle?: (event: EventEnvelope, attempt: number) => Promise<void> | void;
}

/** A worker that records in its store what it has handled, in order. */
export function walker(release: Release, options: WalkerOptions = {}): WorkerDefinition {
  const { pattern = 'step.*', from, prefetch, delays = ['20ms'], handle } = options;
  const { defineWorker } = catalogues[release] as (typeof catalogues)['older'];
  return workerDefinitionOf(
    defineWorker({
      name: 'walker',
      ...(from !== undefined && { from }),
      ...(prefetch !== undefined && { prefetch }),
      retry: { delays },
      circuitBreaker: { failures: 2, halfOpenAfter: '50ms' },
      migrations: [{ name: '1', sql: 'create table walked (place integer primary key, note text not null)' }],
      on: {
        [pattern]: async (received: EventEnvelope, ctx: { attempt: number; write: (work: unknown) => void }) => {
          await handle?.(received, ctx.attempt);
          const { type, subject, data } = received;
          const note = `${subject} ${type} ${(data as { n: number }).n}`;
          ctx.write(
            async ({ sql }: { sql: Store['query'] }) => void (await sql`insert into walked (note) values (${note})`),
          );
        },
      } as never,
    }),
  );
}

/** Several releases of one worker with one store, on one broker. */
export interface Releases {
  broker: Broker;
  names: Names;
  prefix: string;
  /** The path of the store. */
  path: string;
  log: ReturnType<typeof recordingLogger>;
  metrics: Metrics;
  /** `<outcome> <code>` of each message, in the order in which they were settled. */
  outcomes: string[];
  /** Opens the store, as another process does. */
  openStore: () => Promise<Store>;
  start: (
    definition: WorkerDefinition,
    options?: Partial<StartWorkerOptions>,
  ) => Promise<RunningWorker & { store: Store; end: () => Promise<void> }>;
  /** Publishes an event as another service of the fleet does: of `step.taken` in version 2 unless `version` is given. */
  publish: (
    subject: string,
    n: number,
    about?: { type?: string; version?: number; properties?: MessageProperties; to?: string },
  ) => Promise<EventEnvelope>;
  /** Publishes an event again. */
  publishAgain: (event: EventEnvelope, properties?: MessageProperties) => Promise<void>;
  /** The messages in the quarantine, in order, as soon as the broker counts this many: it can confirm a message before
   *  it counts it as ready. */
  quarantined: (count: number) => Promise<Delivery[]>;
  /** The rows of the store, in order. */
  rows: () => Promise<{ subject: string; type: string; version: number | null; reason: string }[]>;
  /** What was handled, in order: `a step.taken 1`. */
  walked: () => Promise<string[]>;
  ready: (queue: string) => Promise<number>;
  close: () => Promise<void>;
}

/** @param kind `memory` or `rabbitmq` */
export async function openReleases(kind: string): Promise<Releases> {
  const { prefix, broker, end } = await openBroker(kind);
  const names = namesFor(prefix);
  const limits = { prefix, log: { maxAge: '1h', maxBytes: 20_000_000 }, unroutedMax: 100 };
  await broker.applyTopology(topologyOf([{ ...queuesOf(walker('newer')), retryDelays: [20, 200] }], limits));
  const folder = await mkdtemp(join(tmpdir(), 'flotilla-releases-'));
  const path = join(folder, 'walker.db');
  const metrics = createMetrics();
  const log = recordingLogger('debug');
  const outcomes: string[] = [];
  const running = new Set<() => Promise<void>>();
  const stores = new Set<Store>();
  let started = 0;
  const publisher = broker.createPublisher();
  await publisher.ready();

  const openStore = async () => {
    const store = await openSqliteStore({ service: 'walker', path });
    stores.add(store);
    return store;
  };
  const observer = await openStore();

  const ready = async (queue: string) => (await broker.queueDepth(queue))?.ready ?? 0;
  const publishEvent = async (event: EventEnvelope, properties: MessageProperties = {}, to?: string) =>
    publisher.publish({
      ...(to === undefined ? { exchange: names.events, routingKey: event.type } : { exchange: '', routingKey: to }),
      body: Buffer.from(JSON.stringify(event)),
      properties: {
        ...eventProperties({ ...event, correlationId: event.correlationid, time: Date.parse(event.time) }),
        ...properties,
      },
    });

  return {
    broker,
    names,
    prefix,
    path,
    log,
    metrics,
    outcomes,
    openStore,
    async start(definition, options = {}) {
      const store = await openStore();
      const worker = await startWorker(definition, {
        store,
        broker,
        prefix,
        instance: `walker-${(started += 1)}`,
        logger: log.logger,
        metrics,
        leaseTtl: 1_000,
        observe: ({ failure }, outcome) =>
          outcomes.push(failure === undefined ? outcome : `${outcome} ${failure.code}`),
        ...options,
      });
      const stop = async () => {
        if (!running.delete(stop)) return;
        await worker.stop(5_000);
      };
      running.add(stop);
      return { ...worker, store, end: stop };
    },
    async publish(subject, count, { type = 'step.taken', version, properties = {}, to } = {}) {
      const definitions = catalogues.newer.definitions;
      const latest = type in definitions ? definitions[type as keyof typeof definitions].latest : 1;
      const isOlder = version === 1 || (version === undefined && latest === 1);
      const template = createEvent(
        definitions,
        type in definitions ? type : 'step.noted',
        type === 'step.taken' ? { n: count, unit: 'm' } : { n: count },
        originContext({ source: 'test', subject }),
      );
      const sent = {
        ...template,
        type,
        dataschema: `urn:flotilla:${type}:${version ?? latest}`,
        data: isOlder ? { n: count } : template.data,
      };
      await publishEvent(sent, properties, to);
      return sent;
    },
    publishAgain: publishEvent,
    async quarantined(count) {
      const signal = AbortSignal.timeout(10_000);
      await eventually(`${count} are in the quarantine`, async () => (await ready(names.newer('walker'))) === count);
      return (await peekQueue(broker, names.newer('walker'), { count: 1_000, limit: 10_000, signal })).messages;
    },
    rows: () =>
      observer.query`SELECT subject, type, version, reason FROM flotilla_quarantined WHERE worker = 'walker' ORDER BY place`,
    walked: async () =>
      (await observer.query<{ note: string }>`SELECT note FROM walked ORDER BY place`).map(({ note }) => note),
    ready,
    async close() {
      await Promise.all([...running].map((stop) => stop()));
      await publisher.close();
      await end();
      await Promise.all([...stores].map((store) => store.close()));
      await rm(folder, { recursive: true, force: true });
    },
  };
}
