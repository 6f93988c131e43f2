import { HEADERS } from '../../broker/messages/headers.js';
import { failedKey } from '../../broker/topology/topology.js';
import { errors } from '../../errors.js';
import { failpoint } from '../../failpoints.js';
import { deadLetterHeaders } from '../pipeline/dead-letter-headers.js';
import { describeAttempt, type Failure, failureOf } from '../pipeline/failure.js';
import { publishUntilConfirmed } from '../pipeline/publish-until-confirmed.js';
import { eventLogFields, type Message } from '../pipeline/message.js';
import type { Middleware, PipelineContext } from '../pipeline/context.js';

/** The library's codes with which a message can be dead-lettered; handlers may use other codes. */
const KNOWN_CODES = Object.entries(errors)
  .filter(([code, { disposal }]) => /^(contract|worker)\./.test(code) && disposal !== 'fatal')
  .map(([code]) => code);

/** Publishes messages that cannot be handled to the dead-letter queue, with their attempts and the error code. */
export const deadLetter: Middleware = (next, context) => {
  for (const code of KNOWN_CODES) context.metrics.deadLettered.inc({ worker: context.name, code }, 0);
  return async (message) => {
    try {
      return await next(message);
    } catch (error) {
      const failure = failureOf(error);
      message.failure = failure;
      if (failure.disposal !== 'reject') throw error;
      if (await context.isHandled(message)) return 'duplicate';
      return publishDeadLetter(message, failure, context);
    }
  };
};

async function publishDeadLetter(
  message: Message,
  failure: Failure,
  context: PipelineContext,
): Promise<'dead' | 'returned'> {
  const { name, names, logger, metrics } = context;
  const { delivery, event } = message;
  const headers = deadLetterHeaders(delivery, describeAttempt(context, failure, null), event?.subject);
  const sent = await publishUntilConfirmed(context, message, {
    exchange: names.failed(name),
    routingKey: failedKey('dead'),
    headers,
  });
  if (!sent) return 'returned';
  failpoint('worker.dead_confirmed');
  metrics.deadLettered.labels(name, failure.code).inc();
  logger.warn(`Dead letter: ${failure.message}`, {
    code: failure.code,
    deadLetter: headers[HEADERS.deadLetterId],
    event: delivery.properties.messageId,
    type: delivery.properties.type,
    ...(event && eventLogFields(event)),
    attempt: message.attempt,
  });
  return 'dead';
}
