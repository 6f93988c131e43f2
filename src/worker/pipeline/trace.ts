import { messageOf } from '../../errors.js';
import type { Middleware } from '../station.js';

/** Outermost: measures, logs what became of the message, and makes sure that whatever was thrown has an outcome. */
export const trace: Middleware = (next, { name, metrics, logger, now, pauses }) => {
  const worker = name;
  const inHand = metrics.inHand.labels(worker);
  const seconds = metrics.handlerSeconds.labels(worker);
  return async (message) => {
    inHand.inc();
    try {
      const outcome = await next(message);
      metrics.handled.labels(worker, outcome).inc();
      if (logger.isDebugEnabled()) {
        const { event, attempt } = message;
        logger.debug(outcome, { event: event?.id, type: event?.type, correlation: event?.correlationid, attempt });
      }
      return outcome;
    } catch (error) {
      // Nothing inside let the message go anywhere: it returns to its queue, behind a pause.
      metrics.handled.labels(worker, 'returned').inc();
      logger.error(`A message is returned to its queue: ${messageOf(error)}`, { error });
      pauses.trouble();
      return 'returned';
    } finally {
      inHand.dec();
      seconds.observe((now() - message.receivedAt) / 1000);
    }
  };
};
