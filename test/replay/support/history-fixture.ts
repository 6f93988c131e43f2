import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventProperties } from '../../../src/broker/messages/event-properties.js';
import { createRabbitBroker } from '../../../src/broker/rabbitmq/broker.js';
import { namesFor, topologyOf } from '../../../src/broker/topology/topology.js';
import { migrateDeadLetters } from '../../../src/dead-letters/storage/migrations.js';
import { createEvent, originContext } from '../../../src/events/create.js';
import type { EventEnvelope } from '../../../src/events/envelope.js';
import { newId } from '../../../src/events/ids.js';
import { logHistory } from '../../../src/replay/history/log-history.js';
import type { ReplayContext, ReplayLimits } from '../../../src/replay/replay-context.js';
import type { ReplayRequest } from '../../../src/replay/runs/replay-run.js';
import { migrateReplays } from '../../../src/replay/runs/run-table.js';
import { type Sql, type Store } from '../../../src/store/store.js';
import { openSqliteStore } from '../../../src/store/sqlite/index.js';
import { silentLogger } from '../../../src/telemetry/logger.js';
import type { DeliveryOutcome } from '../../../src/worker/pipeline/settle.js';
import { queuesOfAll } from '../../../src/worker/definition/queues.js';
import { startWorker } from '../../../src/worker/start.js';
import type { Worker } from '../../../src/worker/definition/worker-definition.js';
import { shop } from '../../support/shop.js';
import { cleanUp, testBroker } from '../../support/rabbitmq.js';
import { workerDefinitionOf } from '../../../src/worker/definition/worker-definition.js';

export const DAY = 86_400_000;

/** The exchange and the log of a fleet on the real broker, and its store `ops`; tests deploy workers later. */
export async function openBench() {
  const { amqpUrl, managementUrl, prefix } = await testBroker();
  const folder = await mkdtemp(join(tmpdir(), 'flotilla-replay-'));
  const names = namesFor(prefix);
  const logger = silentLogger();
  const broker = createRabbitBroker({ url: amqpUrl, managementUrl, connectionName: prefix, logger });
  const opsPath = join(folder, 'ops.db');
  const ops = await openSqliteStore({ service: 'ops', path: opsPath });
  await migrateDeadLetters(ops);
  await migrateReplays(ops);
  const deployed: Worker[] = [];
  const ends: (() => Promise<void>)[] = [];
  const apply = () =>
    broker.applyTopology(
      topologyOf(queuesOfAll(deployed.map(workerDefinitionOf)), {
        prefix,
        log: { maxAge: '1h', maxBytes: 20_000_000 },
        unroutedMax: 100,
      }),
    );
  await apply();
  const publisher = broker.createPublisher();
  await publisher.ready();
  const publishRaw = (body: Uint8Array, type: string, properties = {}) =>
    publisher.publish({ exchange: names.events, routingKey: type, body, properties });

  return {
    broker,
    names,
    prefix,
    amqpUrl,
    folder,
    ops,
    opsPath,
    publishRaw,
    /** Publishes to the exchange, as services do. */
    async publish(...events: EventEnvelope[]): Promise<void> {
      await Promise.all(
        events.map((event) =>
          publishRaw(
            bodyOf(event),
            event.type,
            eventProperties({ ...event, correlationId: event.correlationid, time: Date.parse(event.time) }),
          ),
        ),
      );
    },
    /** Declares the queue of the worker, without a consumer. */
    async declare(worker: Worker): Promise<void> {
      if (!deployed.includes(worker)) deployed.push(worker);
      await apply();
    },
    /** Declares the queue of the worker, and starts the worker. */
    async deploy(worker: Worker) {
      await this.declare(worker);
      const { store: service } = workerDefinitionOf(worker);
      const path = join(folder, `${service}.db`);
      const store = await openSqliteStore({ service, path });
      const seen: { id: string; outcome: DeliveryOutcome; replayed: boolean }[] = [];
      const waiting = new Set<() => void>();
      const running = await startWorker(workerDefinitionOf(worker), {
        store,
        broker,
        prefix,
        instance: 'test',
        logger,
        observe: ({ delivery: { properties } }, outcome) => {
          seen.push({ id: properties.messageId ?? '', outcome, replayed: 'flotilla-replay' in properties.headers });
          for (const wake of waiting) wake();
        },
      });
      ends.push(async () => {
        await running.stop(5000);
        await store.close();
      });
      return {
        store,
        seen,
        /** Resolves once the outcomes so far fulfil the condition, which is checked after each outcome. */
        until: (condition: () => boolean) =>
          new Promise<void>((resolve) => {
            const wake = () => {
              if (!condition()) return;
              waiting.delete(wake);
              resolve();
            };
            waiting.add(wake);
            wake();
          }),
      };
    },
    replayer(worker: Worker, options: { workerStore?: Store; limits?: Partial<ReplayLimits> } = {}): ReplayContext {
      return {
        store: ops,
        broker,
        names,
        worker: workerDefinitionOf(worker),
        workerStore: options.workerStore,
        history: logHistory(broker, names.log),
        memory: 7 * DAY,
        holder: newId(),
        now: Date.now,
        limits: { settle: 100, heartbeatTimeout: 1000, ...options.limits },
      };
    },
    async close(): Promise<void> {
      for (const end of ends) await end();
      await publisher.close();
      await broker.close();
      await ops.close();
      await rm(folder, { recursive: true, force: true });
      await cleanUp(prefix);
    },
  };
}

export type Bench = Awaited<ReturnType<typeof openBench>>;

export interface PastOptions {
  subject?: string;
  correlationId?: string;
  /** Milliseconds since the epoch. */
  time?: number;
}

export function eventOf(type: string, n: number, { time, subject = 'job/1', correlationId }: PastOptions = {}) {
  const origin = originContext({
    source: 'shop',
    subject,
    ...(time !== undefined && { now: time }),
    ...(correlationId !== undefined && { correlationId }),
  });
  return createEvent(shop.definitions, type, type === 'job.failed' ? { n, reason: 'x' } : { n }, origin);
}

export function bodyOf(event: EventEnvelope): Buffer {
  return Buffer.from(JSON.stringify(event));
}

export function requestOf(request: Partial<ReplayRequest> = {}): ReplayRequest {
  return {
    selection: {},
    again: null,
    sideEffects: false,
    force: false,
    rate: null,
    limit: null,
    who: 'ann',
    ...request,
  };
}

/** Adds up the numbers of `job.begun`; an event that is handled twice changes the sum. */
export function adder(options: { replay?: 'idempotent' } | { reset: true } = {}): Worker {
  const replay =
    'reset' in options
      ? {
          replay: 'reset' as const,
          reset: async ({ sql }: { sql: Sql }) => {
            await sql`delete from sums`;
          },
        }
      : options;
  return shop.defineWorker({
    name: 'adder',
    emits: ['job.finished'],
    migrations: [{ name: '1', sql: 'create table sums (n bigint not null, times bigint not null)' }],
    ...replay,
    on: {
      'job.begun': ({ data: { n } }, ctx) => {
        ctx.write(async ({ sql }) => {
          const [row] = await sql`select n from sums`;
          if (row === undefined) await sql`insert into sums (n, times) values (${n}, 1)`;
          else await sql`update sums set n = n + ${n}, times = times + 1`;
        });
        ctx.emit('job.finished', { n });
      },
      'job.failed': () => undefined,
      'job.requested': () => undefined,
    },
  });
}

export async function sumOf(store: Store): Promise<{ n: number; times: number }> {
  const [row] = await store.query<{ n: number; times: number }>`select n, times from sums`;
  return { n: Number(row?.n ?? 0), times: Number(row?.times ?? 0) };
}
