import type { DeriveId } from '../broker/signing/fleet-keys.js';
import { namesFor } from '../broker/topology.js';
import { FlotillaError } from '../errors.js';
import { derivedId } from '../events/ids.js';
import { runProjections } from '../projections/run.js';
import type { ProjectionState } from '../projections/status.js';
import { sagasByType } from '../sagas/definition.js';
import { sagaMigrations } from '../sagas/table.js';
import type { Store } from '../store/contract.js';
import { createMetrics } from '../telemetry/metrics.js';
import { runBootstrap } from './handler/bootstrap.js';
import { consumeQueue, type QueueState } from './consumption/consume-queue.js';
import type { WorkerDefinition } from './definition/worker-definition.js';
import { hasQueue } from './definition/queues.js';
import type { StartWorkerOptions } from './options.js';

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
  circuitBreaker: 'closed',
  pauses: [],
  inHand: 0,
  overdue: 0,
  abandoned: 0,
  unpublished: 0,
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
  const log = startStreamConsumer(definition, { ...options, logger });
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

/** Starts a worker that consumes the stream by itself. */
function startStreamConsumer(
  { name, consumeStream, definitions: own }: WorkerDefinition,
  { prefix = '', ...options }: StartWorkerOptions,
) {
  const { store, broker, instance, serviceStores, leaseTtl, verify, definitions = own, logger } = options;
  const { metrics = createMetrics() } = options;
  const stream = namesFor(prefix).log;
  const reading = { stream, worker: name, instance, serviceStores, leaseTtl, verify, definitions };
  return consumeStream?.({ store, broker, ...reading, logger, metrics });
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
