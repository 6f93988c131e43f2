import type { Broker } from '../broker/contract.js';
import type { VerifyPublisher } from '../broker/publishers.js';
import type { Definitions } from '../events/definitions.js';
import type { DeriveId } from '../broker/signing/fleet-keys.js';
import { namesFor } from '../broker/topology.js';
import { FlotillaError } from '../errors.js';
import { derivedId } from '../events/ids.js';
import { takeLog } from '../event-log/take-log.js';
import type { History } from '../event-log/taker.js';
import { runProjections } from '../projections/run.js';
import type { ProjectionState } from '../projections/status.js';
import { sagasByType } from '../sagas/define.js';
import { sagaMigrations } from '../sagas/table.js';
import type { Store } from '../store/contract.js';
import type { Logger } from '../telemetry/logger.js';
import { createMetrics, type Metrics } from '../telemetry/metrics.js';
import type { StartTimer } from '../concurrency/clock.js';
import { runBootstrap } from './handler/bootstrap.js';
import { consumeQueue, type QueueState } from './consumption/consume-queue.js';
import type { WorkerDefinition } from './definition/define-worker.js';
import type { Message, Outcome } from './pipeline/message.js';
import { hasQueue } from './definition/queues.js';
import type { Emitters } from './pipeline/context.js';
import type { RelayGauge } from './consumption/pause-for-relay.js';

export interface StartWorkerOptions {
  store: Store;
  broker: Broker;
  /** The fleet's name prefix. @default '' */
  prefix?: string;
  /** As the worker's `settings` schema has them. @default {} */
  settings?: Record<string, unknown>;
  /** In place of what `setup` would give. */
  use?: unknown;
  /** The services that emit each type: an event of another source is refused. @default any source */
  emitters?: Emitters | undefined;
  /** Every type of the fleet, for a worker that takes the log whatever the types are. @default the worker's own */
  definitions?: Definitions | undefined;
  /** Makes the ids of what follows from events. @default without a fleet key */
  deriveId?: DeriveId | undefined;
  /** Which of the replicas this is. */
  instance: string;
  logger: Logger;
  metrics?: Metrics;
  /** The relay of the worker's store: while it lags too far behind, nothing is consumed. */
  relay?: RelayGauge;
  /** The stores of the other services, for a worker that takes from them what the log does not have any more. */
  history?: History;
  /** Milliseconds after which another replica reads the log in place of one that has vanished. @default 5000 */
  leaseTtl?: number;
  /** Verifies who has published a message, before anything else is done with it. @default nothing is verified */
  verify?: VerifyPublisher | undefined;
  /** Milliseconds since the epoch. @default Date.now */
  now?: () => number;
  /** @default in real time */
  after?: StartTimer;
  /** How many times its timeout a handler is waited for before its message counts as failed. @default 3 */
  patience?: number;
  /** Called when the worker cannot go on in this process: `worker.handlers_abandoned`. @default it goes on */
  onFatal?: (error: Error) => void;
  /** Told what became of each message, after it is settled. */
  observe?: (message: Message, outcome: Outcome) => void;
}

export interface WorkerState extends QueueState {
  name: string;
  /** Of each read model that it keeps. */
  projections: readonly ProjectionState[];
}

export interface RunningWorker {
  readonly name: string;
  state: () => WorkerState;
  /** Resolves when its read models have all that the store held when asked. Rejects when one stands still. */
  caughtUp: () => Promise<void>;
  /** Takes no more, lets what is in hand finish for at most `deadline` milliseconds, returns the rest to the queue and
   *  ends what `setup` began. */
  stop: (deadline: number) => Promise<void>;
}

/** Of a worker that has no queue. */
const NO_QUEUE: QueueState = {
  consuming: true,
  breaker: 'closed',
  pauses: [],
  inHand: 0,
  overdue: 0,
  abandoned: 0,
  unplaced: 0,
  stuck: false,
};

/** Makes the tables of a worker where they are not there yet. */
export async function migrateWorker({ name, migrations, sagas }: WorkerDefinition, store: Store): Promise<void> {
  await store.migrate(`worker:${name}`, migrations);
  if (sagas.length > 0) await store.migrate('sagas', sagaMigrations);
}

/** Starts a worker on topology that exists: migrates, sets up, bootstraps, then takes what there is for it. Throws what
 *  `setup` throws, or `config.invalid` when the settings are not as declared. */
export async function startWorker(defined: WorkerDefinition, options: StartWorkerOptions): Promise<RunningWorker> {
  const definition = withDerivedIds(defined, options.deriveId);
  const { store, instance, now = Date.now } = options;
  const { name } = definition;
  const logger = options.logger.child({ worker: name, instance });
  const ending = new AbortController();

  await migrateWorker(definition, store);
  const use: unknown = await ('use' in options
    ? options.use
    : definition.setup({
        settings: readSettings(definition, options.settings ?? {}),
        signal: ending.signal,
        log: logger,
      }));
  await runBootstrap(definition, { store, logger, now, deriveId: options.deriveId ?? derivedId });

  const { metrics } = options;
  const models = await runProjections(definition.projections, { store, instance, logger, metrics, now });
  const queue = hasQueue(definition) ? consumeQueue(definition, use, { ...options, logger }, ending) : undefined;
  const log = takeRaw(definition, { ...options, logger });
  return {
    name,
    state: () => ({
      name,
      ...(queue?.state() ?? NO_QUEUE),
      ...(log !== undefined && { log: log.state() }),
      projections: models.state(),
    }),
    caughtUp: models.caughtUp,
    async stop(deadline) {
      await queue?.stop(deadline);
      await log?.stop();
      await models.stop();
      await definition.teardown(use);
    },
  };
}

/** Commands of its sagas have ids that are derived in the same way. */
function withDerivedIds(definition: WorkerDefinition, deriveId: DeriveId | undefined): WorkerDefinition {
  if (deriveId === undefined || definition.sagas.length === 0) return definition;
  const sagas = definition.sagas.map((saga) => ({ ...saga, deriveId }));
  return { ...definition, sagas, sagasOf: sagasByType(sagas) };
}

/** The part of a worker that takes the log as it is. */
function takeRaw({ name, take, definitions: own }: WorkerDefinition, { prefix = '', ...options }: StartWorkerOptions) {
  if (take === undefined) return undefined;
  const { store, broker, instance, history, leaseTtl, verify, definitions = own, logger } = options;
  const { metrics = createMetrics() } = options;
  const stream = namesFor(prefix).log;
  const reading = { stream, worker: name, instance, history, leaseTtl, verify, definitions };
  return takeLog(take, { store, broker, ...reading, logger, metrics });
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
