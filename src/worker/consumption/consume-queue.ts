import type { Delivery } from '../../broker/broker.js';
import { FlotillaError } from '../../errors.js';
import type { StreamConsumerState } from '../../event-log/consumers/stream-consumer.js';
import { FaultLog } from '../../telemetry/fault-log.js';
import type { CircuitBreakerState } from '../circuit-breaker/circuit-breaker.js';
import { pauseWhileOpen } from '../circuit-breaker/pause-while-open.js';
import { isBound, routeOf } from '../definition/queues.js';
import { commitRetriesExhausted } from '../handler/retries-exhausted.js';
import { orderingOf } from '../ordering/ordering.js';
import { isInTurn } from '../ordering/message-in-turn.js';
import { Parking } from '../ordering/parking.js';
import { Sequences } from '../ordering/sequences.js';
import { PartitionWatch, type PartitionState } from '../ordering/partition-watch.js';
import { PartitionConsumers } from '../ordering/partitions/partition-consumers.js';
import { ResumeLoop } from '../ordering/resume-loop.js';
import type { WorkerPipelineContext } from '../pipeline/context.js';
import { inboxKey } from '../pipeline/inbox-key.js';
import { workerPipeline } from '../pipeline/index.js';
import { ABANDON_AFTER_TIMEOUTS, OverdueHandlers } from '../pipeline/overdue-handlers.js';
import { publishRetry } from '../pipeline/publish-retry.js';
import { StartMarks } from '../pipeline/start-marks.js';
import type { PreparedWorker } from '../prepare.js';
import { forgetSettled } from '../quarantine/forget-settled.js';
import { QuarantineLog } from '../quarantine/quarantine-log.js';
import { QuarantineRecord } from '../quarantine/quarantine-record.js';
import { ReleaseLoop } from '../quarantine/release-loop.js';
import { Releaser } from '../quarantine/releaser.js';
import { readTelemetry } from '../telemetry/telemetry.js';
import { feedDeliveries } from './delivery-feed.js';
import { ConsumptionGate, type PauseReason } from './gate.js';
import { InFlightMessages } from './in-flight.js';
import { pauseWhileRelayLags } from './pause-for-relay.js';

/** The state of the part of a worker that handles messages of its queue. */
export interface QueueState {
  consuming: boolean;
  circuitBreaker: CircuitBreakerState;
  /** Milliseconds since the circuit breaker was last closed; undefined while it is closed. */
  openFor?: number | undefined;
  /** The failure of the dependency that opened the circuit breaker. */
  openCause?: string | undefined;
  pauses: readonly PauseReason[];
  /** Subjects of which no message is handled, because too many are parked. Their partitions wait. */
  full: readonly string[];
  /** Those of an ordered worker, as this process sees them. */
  partitions: readonly PartitionState[];
  /** Milliseconds until consumption resumes; undefined if that does not depend on time. */
  pausedFor?: number | undefined;
  inFlight: number;
  /** Handlers that have exceeded their timeout and have not settled. */
  overdue: number;
  /** Handlers that have not settled after several times their timeout; their messages count as failed. */
  abandoned: number;
  /** Failed messages whose copy for a retry or the dead letters the broker has not confirmed. */
  unpublished: number;
  /** Whether overdue and unpublished messages occupy every slot of the prefetch: nothing more is handled until a slot
   *  is free. */
  stuck: boolean;
  /** For a worker that consumes the stream. */
  log?: StreamConsumerState;
}

/** The part of a running worker that handles messages of its queue. */
export interface QueueConsumption {
  state: () => QueueState;
  /** Stops consuming, waits at most `deadline` milliseconds for the messages in flight, then requeues the others. */
  stop: (deadline: number) => Promise<void>;
}

/** Consumes the queue of a worker through its pipeline, and also the stream for a worker with `from: 'log'`. */
export function consumeQueue(worker: PreparedWorker): QueueConsumption {
  const { definition, broker, names, logger, clock, ending } = worker;
  const { name, prefetch } = definition;
  const quarantined = new QuarantineRecord(worker.store, name);
  const gate = new ConsumptionGate(prefetch, clock);
  const inFlight = new InFlightMessages(clock, {
    beforeSettle: forgetSettled(quarantined, gate, worker),
    observe: worker.observe,
    within: worker.within,
  });
  const circuitBreaker = pauseWhileOpen(worker, gate, inFlight);
  const parking = parkingOf(worker);
  const ordering = parking && orderingOf(definition, parking, clock);
  const context = pipelineContext(worker, { gate, circuitBreaker, quarantined, ordering });
  const { overdueHandlers, unpublished, publisher } = context;
  const pipeline = workerPipeline(context);
  const onDelivery = (delivery: Delivery) => void inFlight.handle(delivery, pipeline);
  const consumer = broker.consume(names.queue(name), { prefetch, onDelivery });
  const log = definition.from === 'log' ? feedDeliveries(worker, onDelivery) : undefined;
  const partitions =
    parking &&
    new PartitionConsumers({
      worker,
      onDelivery,
      onBegin: () => parking.recheck(),
      onOver: () => parking.recheckRoom(),
    });
  gate.control([consumer, log, partitions].filter((source) => source !== undefined));
  const isConsuming = () => gate.reasons.length === 0 && consumer.consuming && (partitions?.consuming ?? true);
  const resuming = parking && new ResumeLoop({ worker, context, pipeline, inFlight, parking, isConsuming }).run();
  const watch =
    ordering &&
    new PartitionWatch({
      ...worker,
      worker: name,
      partitions: () => partitions?.consumers ?? [],
      subjects: ordering.subjects,
    });
  const releaser = new Releaser({ broker, prefetch, context, pipeline, inFlight });
  const releasing = worker.releasesQuarantined === false ? undefined : new ReleaseLoop(worker, context, releaser).run();
  const unwatchRelay = pauseWhileRelayLags(worker.relay, gate, logger);

  return {
    state: () => ({
      consuming: (consumer.consuming && partitions?.consuming !== false) || releaser.isReleasing,
      circuitBreaker: circuitBreaker.state,
      openFor: circuitBreaker.interruption?.for,
      openCause: circuitBreaker.cause,
      pauses: gate.reasons,
      full: [...(parking?.full ?? [])],
      partitions: watch?.state() ?? [],
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
      watch?.stop();
      await gate.end();
      await inFlight.settledWithin(deadline);
      ending.abort(new FlotillaError('worker.revoked', 'the process ends'));
      await releasing;
      await resuming;
      await consumer.close();
      await partitions?.close();
      await log?.close();
      await publisher.close();
      quarantined.close();
      parking?.close();
    },
  };
}

/** Undefined for a worker that handles messages in no particular order. */
function parkingOf({
  definition: { name, ordering },
  store,
  clock,
  parkingLimits: limits,
  pollInterval,
}: PreparedWorker): Parking | undefined {
  if (ordering === undefined) return undefined;
  const sequences = ordering.sequence && new Sequences(name, ordering.sequence, clock);
  return new Parking(store, name, { clock, limits, sequences, pollInterval });
}

function telemetryReader({ definition, names, clock }: PreparedWorker): WorkerPipelineContext['readTelemetry'] {
  const { telemetry, definitions } = definition;
  if (telemetry === undefined) return undefined;
  const options = { exchange: names.telemetry, definitions, now: clock.now };
  return (delivery) => readTelemetry(telemetry, delivery, options);
}

/** The dependencies of the worker's middleware. */
function pipelineContext(
  worker: PreparedWorker,
  parts: Pick<WorkerPipelineContext, 'gate' | 'circuitBreaker' | 'quarantined' | 'ordering'>,
): WorkerPipelineContext {
  const { definition, store, broker, logger, metrics, clock } = worker;
  const { name, definitions, requested, retryDelays, timeout, prefetch } = definition;
  const { signal } = worker.ending;
  const { gate, ordering } = parts;
  const context: WorkerPipelineContext = {
    ...worker,
    ...parts,
    name,
    definitions,
    requested,
    countHandled: worker.handledCounter?.of(name),
    retryDelays,
    timeout,
    route(event) {
      const route = routeOf(definition, event.type);
      return route === 'handled' && definition.accepts?.(event) === false ? 'ignored' : route;
    },
    readTelemetry: telemetryReader(worker),
    isBound: (type) => isBound(definition, type),
    keyOf: (event, replay) => inboxKey(definition, event, replay),
    publisher: broker.createPublisher(),
    startMarks: new StartMarks({ store, gate, logger, clock, signal }),
    quarantineLog: new QuarantineLog(logger),
    isHandled: async ({ key }) => key !== undefined && store.handled(key),
    async waitForRetry(message, delay, headers) {
      if (ordering === undefined || !isInTurn(message)) return publishRetry(context, message, delay, headers);
      await ordering.parking.wait(message, delay, headers);
      return true;
    },
    onRetriesExhausted: (message, error) => commitRetriesExhausted(context, message, error),
    abandonAfterTimeouts: worker.abandonAfterTimeouts ?? ABANDON_AFTER_TIMEOUTS,
    overdueHandlers: new OverdueHandlers({
      worker: name,
      prefetch,
      metrics,
      logger,
      onTooMany: worker.onFatal ?? (() => undefined),
    }),
    unpublished: new Set(),
    unconfirmed: new FaultLog(logger, 'error'),
    signal,
  };
  return context;
}

/** The longest of several waits in milliseconds; undefined if none is above 0. */
function longest(...waits: (number | undefined)[]): number | undefined {
  const left = waits.flatMap((wait) => (wait !== undefined && wait > 0 ? [wait] : []));
  return left.length === 0 ? undefined : Math.max(...left);
}
