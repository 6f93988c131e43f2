import { namesFor } from '../../broker/topology.js';
import { FlotillaError } from '../../errors.js';
import { derivedId } from '../../events/ids.js';
import type { StreamConsumerState } from '../../event-log/stream-consumer.js';
import { createMetrics } from '../../telemetry/metrics.js';
import { systemClock } from '../../concurrency/clock.js';
import { superviseCircuit } from '../circuit-breaker/pause-while-open.js';
import type { CircuitBreakerState } from '../circuit-breaker/circuit-breaker.js';
import { consumeLog } from './consume-stream.js';
import { routeOf } from '../definition/routes.js';
import type { WorkerDefinition } from '../definition/worker-definition.js';
import { commitExhausted } from '../handler/retries-exhausted.js';
import { InFlightMessages } from './in-flight.js';
import { OverdueHandlers, ABANDON_AFTER_TIMEOUTS } from '../pipeline/overdue-handlers.js';
import { ConsumptionGate, type PauseReason } from './gate.js';
import { runHandler } from '../middleware/run-handler.js';
import { composePipeline, workerPipeline } from '../pipeline/index.js';
import type { StartWorkerOptions } from '../options.js';
import { StartMarks } from '../pipeline/start-marks.js';
import type { WorkerPipelineContext } from '../pipeline/context.js';
import { pauseWhileRelayLags } from './pause-for-relay.js';

export interface QueueState {
  consuming: boolean;
  circuitBreaker: CircuitBreakerState;
  /** For how many milliseconds the breaker has not been closed; undefined while it is closed. */
  openFor?: number | undefined;
  pauses: readonly PauseReason[];
  /** Milliseconds until it takes messages again; undefined where that does not depend on time. */
  pausedFor?: number | undefined;
  inHand: number;
  /** Handlers that have outlived their timeout and not settled. */
  overdue: number;
  /** Handlers that have not settled after several times their timeout; their messages count as failed. */
  abandoned: number;
  /** Messages that have failed and that the broker does not take for a retry or the dead letters. */
  unpublished: number;
  /** Whether every slot (`prefetch`) is held by one of these: nothing more is handled until one is free. */
  stuck: boolean;
  /** Of a worker that reads the log. */
  log?: StreamConsumerState;
}

/** The part of a running worker that handles messages of its queue. */
export interface QueuePart {
  state: () => QueueState;
  /** Takes no more messages, lets those in hand finish for at most `deadline` milliseconds, returns the rest. */
  stop: (deadline: number) => Promise<void>;
}

/** Consumes the queue of a worker through its whole pipeline. `use` is what `setup` gave. */
export function consumeQueue(
  definition: WorkerDefinition,
  use: unknown,
  options: StartWorkerOptions,
  ending: AbortController,
): QueuePart {
  const {
    store,
    broker,
    instance,
    logger,
    metrics = createMetrics(),
    now = Date.now,
    after = systemClock.after,
  } = options;
  const { name, prefetch } = definition;
  const pauses = new ConsumptionGate(() => sources, prefetch, { now, after });
  const station: WorkerPipelineContext = {
    name,
    definition,
    definitions: definition.definitions,
    route: (event) => routeOf(definition, event.type),
    emitters: options.emitters,
    deriveId: options.deriveId ?? derivedId,
    retryDelays: definition.retryDelays,
    timeout: definition.timeout,
    store,
    publisher: broker.createPublisher(),
    names: namesFor(options.prefix ?? ''),
    circuitBreaker: superviseCircuit(definition, {
      pauses,
      settledNow: () => intake.settled(),
      metrics,
      logger,
      signal: ending.signal,
    }),
    startMarks: new StartMarks({ store, gate: pauses, logger, after, signal: ending.signal }),
    gate: pauses,
    logger,
    metrics,
    now,
    after,
    instance,
    use,
    verify: options.verify,
    isHandled: async ({ key }) => key !== undefined && store.handled(key),
    onRetriesExhausted: (message, error) => commitExhausted(station, message, error),
    abandonAfterTimeouts: options.abandonAfterTimeouts ?? ABANDON_AFTER_TIMEOUTS,
    overdueHandlers: new OverdueHandlers({
      worker: name,
      prefetch,
      metrics,
      logger,
      onTooMany: options.onFatal ?? (() => undefined),
    }),
    unpublished: new Set(),
    signal: ending.signal,
  };
  const intake = new InFlightMessages(composePipeline(workerPipeline, station, runHandler(station)), now, options.observe);
  const consumer = broker.consume(station.names.queue(name), { prefetch, onDelivery: intake.receive });
  const { names } = station;
  const feed = consumeLog(definition, { ...options, names, metrics, onDelivery: intake.receive });
  const sources = feed === undefined ? [consumer] : [consumer, feed];
  const unwatch = pauseWhileRelayLags(options.relay, pauses, logger);
  return {
    state: () => ({
      consuming: consumer.consuming,
      circuitBreaker: station.circuitBreaker.position,
      openFor: station.circuitBreaker.interruption?.for,
      pauses: pauses.reasons,
      pausedFor: longest(station.circuitBreaker.interruption?.left, pauses.errorPauseLeft),
      inHand: intake.size,
      overdue: station.overdueHandlers.overdue,
      abandoned: station.overdueHandlers.abandoned,
      unpublished: station.unpublished.size,
      stuck: station.overdueHandlers.overdue + station.unpublished.size >= prefetch,
      ...(feed !== undefined && { log: feed.state() }),
    }),
    async stop(deadline) {
      unwatch();
      await pauses.end();
      await intake.drain(deadline, consumer, () =>
        ending.abort(new FlotillaError('worker.revoked', 'the process ends')),
      );
      await feed?.close();
      await station.publisher.close();
    },
  };
}

/** The longest of several waits; undefined where none is left. */
function longest(...waits: (number | undefined)[]): number | undefined {
  const left = waits.flatMap((wait) => (wait !== undefined && wait > 0 ? [wait] : []));
  return left.length === 0 ? undefined : Math.max(...left);
}
