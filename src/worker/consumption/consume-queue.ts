import { namesFor } from '../../broker/topology/topology.js';
import { FlotillaError } from '../../errors.js';
import { pauseWhileOpen } from '../circuit-breaker/pause-while-open.js';
import { routeOf } from '../definition/routes.js';
import { commitRetriesExhausted } from '../handler/retries-exhausted.js';
import { runHandler } from '../middleware/run-handler.js';
import type { WorkerPipelineContext } from '../pipeline/context.js';
import { composePipeline, workerPipeline } from '../pipeline/index.js';
import { ABANDON_AFTER_TIMEOUTS, OverdueHandlers } from '../pipeline/overdue-handlers.js';
import { StartMarks } from '../pipeline/start-marks.js';
import type { PreparedWorker } from '../prepare.js';
import type { QueueState } from '../state.js';
import { ConsumptionGate } from './gate.js';
import { InFlightMessages } from './in-flight.js';
import { deliverLog } from './deliver-log.js';
import { pauseWhileRelayLags } from './pause-for-relay.js';

/** The part of a running worker that handles messages of its queue. */
export interface QueueConsumption {
  state: () => QueueState;
  /** Stops consuming, waits at most `deadline` milliseconds for the messages in flight, then requeues the others. */
  stop: (deadline: number) => Promise<void>;
}

/** Consumes the queue of a worker through its pipeline, and also the stream for a worker with `from: 'log'`. */
export function consumeQueue(worker: PreparedWorker): QueueConsumption {
  const { definition, options, use, ending } = worker;
  const { store, broker, instance, logger, metrics, clock, deriveId, verify, emitters } = options;
  const { name, definitions, retryDelays, timeout, prefetch } = definition;
  const names = namesFor(options.prefix);
  const gate = new ConsumptionGate(() => sources, prefetch, clock);
  const context: WorkerPipelineContext = {
    name,
    definition,
    definitions,
    route: (event) => routeOf(definition, event.type),
    emitters,
    deriveId,
    retryDelays,
    timeout,
    store,
    publisher: broker.createPublisher(),
    names,
    circuitBreaker: pauseWhileOpen(definition, {
      gate,
      settled: () => inFlight.settled(),
      clock,
      metrics,
      logger,
      onChange: options.onCircuitBreaker,
    }),
    startMarks: new StartMarks({ store, gate, logger, clock, signal: ending.signal }),
    gate,
    logger,
    metrics,
    clock,
    instance,
    use,
    verify,
    isHandled: async ({ key }) => key !== undefined && store.handled(key),
    onRetriesExhausted: (message, error) => commitRetriesExhausted(context, message, error),
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
  const { circuitBreaker, overdueHandlers, unpublished, publisher } = context;
  const pipeline = composePipeline(workerPipeline, context, runHandler(context));
  const inFlight = new InFlightMessages(pipeline, clock, options.observe);
  const consumer = broker.consume(names.queue(name), { prefetch, onDelivery: inFlight.receive });
  const log = definition.from === 'log' ? deliverLog(worker, inFlight.receive) : undefined;
  const sources = log === undefined ? [consumer] : [consumer, log];
  const unwatchRelay = pauseWhileRelayLags(options.relay, gate, logger);

  return {
    state: () => ({
      consuming: consumer.consuming,
      circuitBreaker: circuitBreaker.state,
      openFor: circuitBreaker.interruption?.for,
      openCause: circuitBreaker.cause,
      pauses: gate.reasons,
      pausedFor: longest(circuitBreaker.interruption?.left, gate.errorPauseLeft),
      inFlight: inFlight.size,
      overdue: overdueHandlers.overdue,
      abandoned: overdueHandlers.abandoned,
      unpublished: unpublished.size,
      stuck: overdueHandlers.overdue + unpublished.size >= prefetch,
      ...(log !== undefined && { log: log.state() }),
    }),
    async stop(deadline) {
      unwatchRelay();
      circuitBreaker.stop();
      await gate.end();
      const abandon = () => ending.abort(new FlotillaError('worker.revoked', 'the process ends'));
      await inFlight.drain(deadline, consumer, abandon);
      await log?.close();
      await publisher.close();
    },
  };
}

/** The longest of several waits in milliseconds; undefined if none is above 0. */
function longest(...waits: (number | undefined)[]): number | undefined {
  const left = waits.flatMap((wait) => (wait !== undefined && wait > 0 ? [wait] : []));
  return left.length === 0 ? undefined : Math.max(...left);
}
