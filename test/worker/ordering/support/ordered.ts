import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { baseCatalogue, catalogue, event } from 'flotilla';
import { z } from 'zod';
import type { Broker, Delivery, OutgoingMessage } from '../../../../src/broker/broker.js';
import { eventProperties } from '../../../../src/broker/messages/event-properties.js';
import { namesFor, topologyOf, type Names } from '../../../../src/broker/topology/topology.js';
import { createEvent, originContext } from '../../../../src/events/create.js';
import type { EventEnvelope } from '../../../../src/events/envelope.js';
import type { Sql, Store } from '../../../../src/store/store.js';
import { openSqliteStore } from '../../../../src/store/sqlite/index.js';
import { createMetrics } from '../../../../src/telemetry/metrics.js';
import type { OrderingOptions } from '../../../../src/worker/definition/options.js';
import { queuesOf } from '../../../../src/worker/definition/queues.js';
import { workerDefinitionOf, type Worker } from '../../../../src/worker/definition/worker-definition.js';
import type { StartWorkerOptions } from '../../../../src/worker/prepare.js';
import { startWorker, type RunningWorker } from '../../../../src/worker/start.js';
import { recordingLogger } from '../../../support/recording-logger.js';
import { testBroker } from '../../../support/rabbitmq.js';
import { openBroker } from '../../support/open-broker.js';

export const steps = catalogue(baseCatalogue, {
  'step.taken': event({ 1: z.strictObject({ n: z.int() }) }),
  'step.seen': event({ 1: z.strictObject({ n: z.int() }) }),
});

const { defineWorker, definitions } = steps;

export interface StepperOptions {
  ordering?: 'none' | OrderingOptions<'step.taken' | 'step.seen'>;
  prefetch?: number;
  delays?: string[];
  /** Called with each event that is handled. */
  handle?: (step: Step) => Promise<void> | void;
  /** Called with each event in the transaction of its effects. */
  write?: (step: Step) => void;
}

export interface Step {
  subject: string;
  n: number;
  attempt: number;
  /** The `query` and `call` of the context. */
  query: Sql;
  call: (dependency: string, work: () => Promise<void>) => Promise<void>;
}

/** An ordered worker that records in its store what it has handled, in order. */
export function stepper({
  ordering = { by: 'subject', partitions: 4 },
  prefetch,
  delays = ['20ms', '20ms'],
  handle,
  write,
}: StepperOptions = {}) {
  return defineWorker({
    name: 'stepper',
    ordering,
    ...(prefetch !== undefined && { prefetch }),
    retry: { delays },
    circuitBreaker: { failures: 3, halfOpenAfter: '50ms' },
    migrations: [{ name: '1', sql: 'create table steps (place integer primary key, note text not null)' }],
    on: {
      'step.taken': async ({ subject, data: { n } }, ctx) => {
        const { attempt, query, call } = ctx;
        const step = { subject, n, attempt, query, call };
        await handle?.(step);
        ctx.write(async ({ sql }) => {
          write?.(step);
          await sql`insert into steps (note) values (${`${subject} ${n}`})`;
        });
      },
      'step.seen': async ({ subject, data: { n } }, ctx) => {
        const { attempt, query, call } = ctx;
        await handle?.({ subject, n, attempt, query, call });
        ctx.write(async ({ sql }) => void (await sql`insert into steps (note) values (${`seen ${subject} ${n}`})`));
      },
    },
  });
}

/** Replicas of an ordered worker with one store, on one broker. */
export interface Steppers {
  broker: Broker;
  names: Names;
  prefix: string;
  /** The folder of the store. */
  folder: string;
  log: ReturnType<typeof recordingLogger>;
  /** Reads and changes the store like another process. */
  store: Store;
  start: (
    worker: Worker,
    options?: Partial<StartWorkerOptions>,
  ) => Promise<RunningWorker & { store: Store; end: () => Promise<void> }>;
  /** Publishes an event as a service of the fleet does; `n` is also its number in the sequence of its subject. */
  publish: (
    subject: string,
    n: number,
    change?: (message: OutgoingMessage) => OutgoingMessage,
    type?: string,
  ) => Promise<EventEnvelope>;

  /** What was handled, in order: `a 1`. */
  steps: () => Promise<string[]>;
  ready: (queue: string) => Promise<number>;
  /** Takes the dead letters from their queue from now on. */
  collectDead: (onDead?: () => Promise<void>) => Delivery[];
  close: () => Promise<void>;
}

/** @param kind `memory` or `rabbitmq` */
export async function openSteppers(kind: string): Promise<Steppers> {
  const { prefix, broker, end } = await openBroker(kind);
  const names = namesFor(prefix);
  await broker.applyTopology(
    topologyOf([queuesOf(workerDefinitionOf(stepper()))], {
      prefix,
      log: { maxAge: '1h', maxBytes: 20_000_000 },
      unroutedMax: 100,
    }),
  );
  const folder = await mkdtemp(join(tmpdir(), 'flotilla-ordered-'));
  const metrics = createMetrics();
  const log = recordingLogger('debug');
  const running = new Set<() => Promise<void>>();
  const stores = new Set<Store>();
  let started = 0;
  const publisher = broker.createPublisher();
  await publisher.ready();
  const openStore = async () => {
    const store = await openSqliteStore({ service: 'stepper', path: join(folder, 'stepper.db') });
    stores.add(store);
    return store;
  };
  const store = await openStore();
  return {
    broker,
    names,
    prefix,
    folder,
    log,
    store,
    async start(worker, options) {
      const instance = `stepper-${(started += 1)}`;
      const own = await openStore();
      const runs = await startWorker(workerDefinitionOf(worker), {
        ...{ store: own, broker, prefix, instance, logger: log.logger, metrics, leaseTtl: 1_000 },
        ...options,
      });
      const stop = async () => {
        if (running.delete(stop)) await runs.stop(5_000);
      };
      running.add(stop);
      return { ...runs, store: own, end: stop };
    },
    async publish(subject, n, change = (message) => message, type = 'step.taken') {
      const created = createEvent(definitions, type, { n }, originContext({ source: 'test', subject }));
      const sent: EventEnvelope = { ...created, sequence: String(n) };
      const { correlationid: correlationId, time } = sent;
      await publisher.publish(
        change({
          exchange: names.events,
          routingKey: type,
          body: Buffer.from(JSON.stringify(sent)),
          properties: eventProperties({ ...sent, correlationId, time: Date.parse(time) }),
          mandatory: true,
        }),
      );
      return sent;
    },
    steps: async () =>
      (await store.query<{ note: string }>`SELECT note FROM steps ORDER BY place`).map(({ note }) => note),
    ready: async (queue) => (await broker.queueDepth(queue))?.ready ?? 0,
    collectDead(onDead) {
      const dead: Delivery[] = [];
      broker.consume(names.dead('stepper'), {
        prefetch: 100,
        onDelivery(delivery) {
          dead.push(delivery);
          void onDead?.();
          delivery.ack();
        },
      });
      return dead;
    },
    async close() {
      await Promise.all([...running].map((stop) => stop()));
      await publisher.close();
      await end();
      await Promise.all([...stores].map((each) => each.close()));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The environment of an operator's commands about the steppers, on RabbitMQ. */
export async function operatorEnv({ prefix, folder }: Steppers): Promise<NodeJS.ProcessEnv> {
  const { amqpUrl, managementUrl } = await testBroker();
  return { AMQP_URL: amqpUrl, AMQP_MANAGEMENT_URL: managementUrl, FLOTILLA_PREFIX: prefix, DATA_DIR: folder };
}
