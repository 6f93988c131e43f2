import { messageOf, stackOf } from '../../errors.js';
import type { Outcome } from '../pipeline/message.js';
import type { Middleware } from '../pipeline/context.js';
import { storyFields } from '../pipeline/log-fields.js';

const OUTCOMES: readonly Outcome[] = ['done', 'duplicate', 'ignored', 'retried', 'dead', 'returned'];

/** Outermost: measures, logs what became of the message, and makes sure that whatever was thrown has an outcome. */
export const trace: Middleware = (next, { name: worker, metrics, logger, now, pauses }) => {
  // looked up once: finding a labelled child costs more than counting with it
  const inHand = metrics.inHand.labels(worker);
  const seconds = metrics.handlerSeconds.labels(worker);
  const handled = new Map(OUTCOMES.map((outcome) => [outcome, metrics.handled.labels(worker, outcome)]));
  for (const counter of handled.values()) counter.inc(0);
  metrics.handlerSeconds.zero({ worker });
  const debug = logger.isDebugEnabled();
  return async (message) => {
    inHand.inc();
    let outcome: Outcome = 'returned';
    try {
      outcome = await next(message);
      if (debug) {
        logger.debug(outcome, { ...storyFields(message.event), attempt: message.attempt });
      }
    } catch (error) {
      // nothing inside let the message go anywhere: it returns to its queue, behind a pause
      logger.error(`A message is returned to its queue: ${messageOf(error)}`, {
        ...storyFields(message.event),
        stack: stackOf(error),
      });
      pauses.trouble();
    }
    handled.get(outcome)?.inc();
    inHand.dec();
    seconds.observe(Math.max(0, now() - message.receivedAt) / 1000); // the clock may have been set back
    return outcome;
  };
};
