import type { Broker, Delivery } from '../broker/broker.js';
import { namesFor, type Names } from '../broker/topology/topology.js';
import type { VerifyPublisher } from '../broker/users/verify-publisher.js';
import { systemClock, type Clock } from '../concurrency/clock.js';
import { FlotillaError } from '../errors.js';
import type { Definitions } from '../events/definitions.js';
import { derivedId, type DeriveId } from '../events/ids.js';
import { sagaMigrations } from '../sagas/saga-table.js';
import type { ServiceStores } from '../store/service-stores.js';
import type { Store } from '../store/store.js';
import type { Logger } from '../telemetry/logger.js';
import { createMetrics, type Metrics } from '../telemetry/metrics.js';
import type { HandledCounter } from '../traffic/handled-counter.js';
import { UndeclaredEmits } from '../telemetry/undeclared-emits.js';
import type { CircuitBreakerState } from './circuit-breaker/circuit-breaker.js';
import type { RelayGauge } from './consumption/pause-for-relay.js';
import { hasQueue } from './definition/queues.js';
import { workerMigrationOwner, type WorkerDefinition } from './definition/worker-definition.js';
import { runBootstrap } from './handler/bootstrap.js';
import type { Emitters } from './pipeline/context.js';
import { migrateOrdering } from './ordering/migrate-ordering.js';
import { requireSameBroker } from './ordering/broker-mark.js';
import { requireSameOrder } from './ordering/require-same-order.js';
import type { ParkingLimits } from './ordering/parking.js';
import { quarantineMigrations } from './quarantine/quarantine-table.js';
import type { Message } from './pipeline/message.js';
import type { DeliveryOutcome } from './pipeline/settle.js';

/** Notifications of changes may be lost. */
const POLL_INTERVAL_MS = 5_000;

/** What a worker runs with. */
export interface StartWorkerOptions {
  store: Store;
  broker: Broker;
  /** The fleet's name prefix. @default '' */
  prefix?: string;
  /** The settings, valid by the worker's `settings` schema. @default {} */
  settings?: Record<string, unknown>;
  /** Replaces the result of `setup`. */
  use?: unknown;
  /** The services that emit each type: an event from another source is refused. @default any source */
  emitters?: Emitters | undefined;
  /** Every type of the fleet, for a worker that consumes the stream directly. @default none */
  definitions?: Definitions | undefined;
  /** Derives the ids of events from their cause. @default without a fleet key */
  deriveId?: DeriveId | undefined;
  /** The name of this replica. */
  instance: string;
  logger: Logger;
  metrics?: Metrics;
  /** Counts what the worker and its projections handle. @default not counted */
  handledCounter?: HandledCounter;
  /** The relay of the worker's store. Consumption is paused while its lag is too large. */
  relay?: RelayGauge;
  /** The stores of the other services, from which a stream consumer reads events that the stream has trimmed. */
  serviceStores?: ServiceStores;
  /** Milliseconds after which another replica takes over the stream from a dead one. @default 5000 */
  leaseTtl?: number;
  /** Verifies the publisher of a message before it is decoded. @default no verification */
  verify?: VerifyPublisher | undefined;
  /** Milliseconds without a message after which a partition of an ordered worker is checked; `Infinity`: never. @default one minute */
  stallAfter?: number;
  /** Milliseconds after which an ordered worker reads its store without a notification; `Infinity`: never. @default 5000 */
  pollInterval?: number;
  /** @default the system clock */
  clock?: Clock;
  /** From 0 to 1. @default Math.random */
  random?: () => number;
  /** A handler is abandoned after this many times its timeout, and its message counts as failed. @default 3 */
  abandonAfterTimeouts?: number;
  /** @default 10,000 messages of the worker, 1,000 of a key */
  parkingLimits?: ParkingLimits;
  /** Whether an ordered worker looks for its mark in the broker. @default true */
  looksForMark?: boolean;
  /** Whether quarantined messages that it can read are released. @default true */
  releasesQuarantined?: boolean;
  /** Called when the worker cannot continue in this process: `worker.handlers_abandoned`. @default it continues */
  onFatal?: (error: Error) => void;
  /** Receives the outcome of each message after it is settled. */
  observe?: (message: Message, outcome: DeliveryOutcome) => void;
  /** Runs the handling of each delivery, for example in an asynchronous context. @default runs it */
  within?: <T>(delivery: Delivery, handle: () => T) => T;
  /** Called at each change of the circuit breaker. */
  onCircuitBreaker?: (state: CircuitBreakerState) => void;
}

/** A worker that is ready to consume: its options with their defaults, and what follows from them. */
export interface PreparedWorker extends StartWorkerOptions {
  readonly definition: WorkerDefinition;
  /** Of the exchanges, the queues and the stream. */
  readonly names: Names;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly random: () => number;
  readonly pollInterval: number;
  readonly deriveId: DeriveId;
  readonly undeclaredEmits: UndeclaredEmits;
  /** The result of `setup`. */
  readonly use: unknown;
  /** Aborts when the process must end now. */
  readonly ending: AbortController;
}

/** Migrates the worker's store, then runs `setup` and `bootstrap`. */
export async function prepareWorker(
  definition: WorkerDefinition,
  options: StartWorkerOptions,
): Promise<PreparedWorker> {
  const { store, instance, settings = {} } = options;
  const ending = new AbortController();
  const logger = options.logger.child({ worker: definition.name, instance });
  await migrateWorker(definition, store);
  const names = namesFor(options.prefix ?? '');
  const clock = options.clock ?? systemClock;
  const { broker } = options;
  if (hasQueue(definition)) await requireSameOrder(definition, { store, broker, names, clock, logger });
  if (definition.ordering !== undefined && options.looksForMark !== false)
    await requireSameBroker(definition.name, { store, broker, names, clock });
  const use: unknown = await ('use' in options
    ? options.use
    : definition.setup({ settings: readSettings(definition, settings), signal: ending.signal, log: logger }));
  const metrics = options.metrics ?? createMetrics();
  const worker: PreparedWorker = {
    ...options,
    definition,
    names,
    logger,
    metrics,
    clock,
    random: options.random ?? Math.random,
    pollInterval: options.pollInterval ?? POLL_INTERVAL_MS,
    deriveId: options.deriveId ?? derivedId,
    undeclaredEmits: new UndeclaredEmits(metrics, { service: store.service, worker: definition.name }),
    use,
    ending,
  };
  await runBootstrap(worker);
  return worker;
}

/** Creates the missing tables of a worker. */
export async function migrateWorker(definition: WorkerDefinition, store: Store): Promise<void> {
  const { name, migrations, sagas } = definition;
  await store.migrate(workerMigrationOwner(name), migrations);
  if (sagas.length > 0) await store.migrate('sagas', sagaMigrations);
  if (!hasQueue(definition)) return;
  await store.migrate('quarantine', quarantineMigrations);
  await migrateOrdering(store); // a worker that was ordered before may have parked messages
}

function readSettings({ name, settings }: WorkerDefinition, given: Record<string, unknown>): Record<string, unknown> {
  const result = settings.safeParse(given);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new FlotillaError(
    'config.invalid',
    `worker ${name}, setting ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`,
  );
}
