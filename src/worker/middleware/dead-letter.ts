import { createHash } from 'node:crypto';
import { HEADERS, readAttempts, readReplays, textHeader, writeAttempts } from '../../broker/messages/headers.js';
import { failedKey } from '../../broker/topology/topology.js';
import { errors } from '../../errors.js';
import { derivedId } from '../../events/ids.js';
import { failpoint } from '../../failpoints.js';
import { type Failure, failureOf, describeAttempt } from '../pipeline/failure.js';
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
  const id = deadLetterId(message, name);
  const sent = await publishUntilConfirmed(context, message, {
    exchange: names.failed(name),
    routingKey: failedKey('dead'),
    headers: {
      [HEADERS.attempts]: writeAttempts([
        ...readAttempts(delivery.properties.headers),
        describeAttempt(context, failure, null),
      ]),
      [HEADERS.deadLetterId]: id,
      [HEADERS.errorCode]: failure.code,
      [HEADERS.errorMessage]: failure.message,
      [HEADERS.deadAt]: new Date(context.clock.now()).toISOString(),
      ...(event !== undefined && { [HEADERS.subject]: event.subject }),
    },
  });
  if (!sent) return 'returned';
  failpoint('worker.dead_confirmed');
  metrics.deadLettered.labels(name, failure.code).inc();
  logger.warn(`Dead letter: ${failure.message}`, {
    code: failure.code,
    deadLetter: id,
    event: delivery.properties.messageId,
    type: delivery.properties.type,
    ...(event && eventLogFields(event)),
    attempt: message.attempt,
  });
  return 'dead';
}

/** Deterministic for one message and its attempts: a copy that is published twice, because the process ended between
 *  the confirm and the ack, is stored once. */
function deadLetterId({ delivery }: Message, worker: string): string {
  const { headers, messageId, timestamp } = delivery.properties;
  const body = createHash('sha256').update(delivery.body).digest('hex'); // message ids of other publishers may collide
  const history = textHeader(headers, HEADERS.attempts) ?? '';
  return derivedId((timestamp ?? 0) * 1000, worker, messageId ?? '', body, history, readReplays(headers));
}
