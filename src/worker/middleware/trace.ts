import { messageOf, stackOf } from '../../errors.js';
import { FaultLog } from '../../telemetry/fault-log.js';
import type { DeliveryOutcome } from '../pipeline/settle.js';
import type { Middleware } from '../pipeline/context.js';
import { eventLogFields } from '../pipeline/message.js';

const OUTCOMES: readonly DeliveryOutcome[] = [
  'done',
  'duplicate',
  'ignored',
  'retried',
  'parked',
  'dead',
  'quarantined',
  'returned',
];

/** Outermost: measures, counts and logs each message, and maps every error to an outcome. */
export const trace: Middleware = (next, { name: worker, metrics, logger, clock, gate, countHandled }) => {
  // looked up once: a lookup by labels costs more than an increment
  const inFlight = metrics.inFlight.labels(worker);
  const seconds = metrics.handlerSeconds.labels(worker);
  const handled = new Map(OUTCOMES.map((outcome) => [outcome, metrics.handled.labels(worker, outcome)]));
  for (const counter of handled.values()) counter.inc(0);
  metrics.handlerSeconds.zero({ worker });
  const debug = logger.isDebugEnabled();
  const returns = new FaultLog(logger, 'error', () => clock.elapsed());
  return async (message) => {
    inFlight.inc();
    let outcome: DeliveryOutcome = 'returned';
    try {
      outcome = await next(message);
      // messages that were in progress at the error may still succeed
      if (returns.isOpen && gate.errorPauseLeft === undefined) returns.recovered('Messages are handled again');
      if (debug) {
        logger.debug(outcome, { ...eventLogFields(message.event), attempt: message.attempt });
      }
    } catch (error) {
      // no other middleware published the message: it is requeued after a pause
      const reason = messageOf(error);
      const fields = { ...eventLogFields(message.event), stack: stackOf(error) };
      returns.failed(`Message returned to its queue: ${reason}`, fields, reason);
      gate.pauseAfterError();
    }
    handled.get(outcome)?.inc();
    inFlight.dec();
    const now = clock.now();
    seconds.observe(Math.max(0, now - message.receivedAt) / 1000); // the clock may have been set back
    // a replay of history delivers old events
    if (outcome === 'done' && message.event !== undefined && message.replay === undefined) {
      countHandled?.(message.event, now);
    }
    return outcome;
  };
};
