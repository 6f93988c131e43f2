import type { Broker } from '../broker/contract.js';
import { namesFor } from '../broker/topology.js';
import { FlotillaError } from '../errors.js';
import type { Store } from '../store/contract.js';
import type { Logger } from '../telemetry/logger.js';
import { createMetrics, type Metrics } from '../telemetry/metrics.js';
import { runBootstrap } from './bootstrap.js';
import { superviseCircuit } from './circuit-supervision.js';
import type { CircuitPosition } from './circuit.js';
import { routeOf, type WorkerDefinition } from './definition.js';
import { commitExhausted } from './exhausted.js';
import { Intake } from './intake.js';
import type { Message, Outcome } from './message.js';
import { Pauses, type PauseReason } from './pauses.js';
import { handle } from './pipeline/handle.js';
import { assemble, workerPipeline } from './pipeline/index.js';
import type { WorkerStation } from './station.js';
import { watchRelay, type RelayGauge } from './watch-relay.js';

export interface StartWorkerOptions {
  store: Store;
  broker: Broker;
  /** The fleet's name prefix. @default '' */
  prefix?: string;
  /** As the worker's `settings` schema has them. @default {} */
  settings?: Record<string, unknown>;
  /** In place of what `setup` would give. */
  use?: unknown;
  /** Which of the replicas this is. */
  instance: string;
  logger: Logger;
  metrics?: Metrics;
  /** The relay of the worker's store: while it lags too far behind, nothing is consumed. */
  relay?: RelayGauge;
  /** Milliseconds since the epoch. @default Date.now */
  now?: () => number;
  /** Told what became of each message, after it is settled. */
  observe?: (message: Message, outcome: Outcome) => void;
}

export interface WorkerState {
  name: string;
  consuming: boolean;
  breaker: CircuitPosition;
  pauses: readonly PauseReason[];
  inHand: number;
  /** Handlers that have outlived their timeout and not settled. */
  overdue: number;
}

export interface RunningWorker {
  readonly name: string;
  state: () => WorkerState;
  /** Takes no more messages, lets those in hand finish for at most `deadline` milliseconds, returns the rest to the
   *  queue and ends what `setup` began. */
  stop: (deadline: number) => Promise<void>;
}

/** Starts a worker on topology that exists: migrates, sets up, bootstraps, consumes. Throws what `setup` throws, or
 *  `config.invalid` when the settings are not as declared. */
export async function startWorker(definition: WorkerDefinition, options: StartWorkerOptions): Promise<RunningWorker> {
  const { store, broker, instance, metrics = createMetrics(), now = Date.now } = options;
  const { name, prefetch } = definition;
  const logger = options.logger.child({ worker: name, instance });
  const ending = new AbortController();

  await store.migrate(`worker:${name}`, definition.migrations);
  const use: unknown = await ('use' in options
    ? options.use
    : definition.setup({
        settings: readSettings(definition, options.settings ?? {}),
        signal: ending.signal,
        log: logger,
      }));
  await runBootstrap(definition, { store, logger, now });

  const pauses = new Pauses(() => consumer, prefetch);
  const station: WorkerStation = {
    name,
    definition,
    definitions: definition.definitions,
    route: (event) => routeOf(definition, event.type),
    retryDelays: definition.retryDelays,
    timeout: definition.timeout,
    store,
    publisher: broker.createPublisher(),
    names: namesFor(options.prefix ?? ''),
    circuit: superviseCircuit(definition, {
      pauses,
      settledNow: () => intake.settled(),
      metrics,
      logger,
      signal: ending.signal,
    }),
    pauses,
    logger,
    metrics,
    now,
    instance,
    use,
    isDone: async ({ key }) => key !== undefined && store.handled(key),
    exhausted: (message, error) => commitExhausted(station, message, error),
    overdue: new Set(),
    signal: ending.signal,
  };
  const intake = new Intake(assemble(workerPipeline, station, handle(station)), now, options.observe);
  const consumer = broker.consume(station.names.queue(name), { prefetch, onDelivery: intake.receive });
  const unwatch = watchRelay(options.relay, pauses, logger);

  return {
    name,
    state: () => ({
      name,
      consuming: consumer.consuming,
      breaker: station.circuit.position,
      pauses: pauses.reasons,
      inHand: intake.size,
      overdue: station.overdue.size,
    }),
    async stop(deadline) {
      unwatch();
      await pauses.end();
      await intake.drain(deadline, consumer, () =>
        ending.abort(new FlotillaError('worker.revoked', 'the process ends')),
      );
      await station.publisher.close();
      await definition.teardown(use);
    },
  };
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
