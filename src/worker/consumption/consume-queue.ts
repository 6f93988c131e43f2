import type { Delivery } from '../../broker/broker.js';
import { FlotillaError } from '../../errors.js';
import { pauseWhileOpen } from '../circuit-breaker/pause-while-open.js';
import { createPipelineContext } from '../pipeline/create-context.js';
import { workerPipeline } from '../pipeline/index.js';
import type { PreparedWorker } from '../prepare.js';
import type { QueueState } from '../state.js';
import { deliverLog } from './deliver-log.js';
import { ConsumptionGate } from './gate.js';
import { InFlightMessages } from './in-flight.js';
import { pauseWhileRelayLags } from './pause-for-relay.js';

/** The part of a running worker that handles messages of its queue. */
export interface QueueConsumption {
  state: () => QueueState;
  /** Stops consuming, waits at most `deadline` milliseconds for the messages in flight, then requeues the others. */
  stop: (deadline: number) => Promise<void>;
}

/** Consumes the queue of a worker through its pipeline, and also the stream for a worker with `from: 'log'`. */
export function consumeQueue(worker: PreparedWorker): QueueConsumption {
  const { definition, options, ending } = worker;
  const { broker, logger, metrics, clock } = options;
  const { name, prefetch } = definition;
  const inFlight = new InFlightMessages(clock, options.observe);
  const gate = new ConsumptionGate(prefetch, clock);
  const circuitBreaker = pauseWhileOpen(definition, {
    gate,
    settled: () => inFlight.settled(),
    clock,
    metrics,
    logger,
    onChange: options.onCircuitBreaker,
  });
  const context = createPipelineContext(worker, gate, circuitBreaker);
  const pipeline = workerPipeline(context);
  const onDelivery = (delivery: Delivery) => inFlight.handle(delivery, pipeline);
  const consumer = broker.consume(context.names.queue(name), { prefetch, onDelivery });
  const log = definition.from === 'log' ? deliverLog(worker, onDelivery) : undefined;
  gate.control(log === undefined ? [consumer] : [consumer, log]);
  const { overdueHandlers, unpublished, publisher } = context;
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
