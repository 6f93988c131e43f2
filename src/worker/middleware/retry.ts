import { HEADERS, readAttempts, writeAttempts } from '../../broker/messages/headers.js';
import { failedKey } from '../../broker/topology/topology.js';
import { failpoint } from '../../failpoints.js';
import { PermanentError } from '../../errors.js';
import { describeAttempt, failureOf } from '../pipeline/failure.js';
import { publishUntilConfirmed } from '../pipeline/publish-until-confirmed.js';
import { eventLogFields, type Message } from '../pipeline/message.js';
import type { Middleware, PipelineContext } from '../pipeline/context.js';
import { formatDuration } from '../../duration.js';

/** Publishes a failed message to the retry queue of its next delay. When the delays are used up, the message is
 *  dead-lettered. */
export const retry: Middleware = (next, context) => async (message) => {
  try {
    return await next(message);
  } catch (error) {
    const failure = failureOf(error);
    message.failure = failure;
    if (failure.disposal !== 'retry' || isStoreOrBrokerError(failure.code)) throw error;
    const { name, names, logger, retryDelays: delays } = context;
    if (await context.isHandled(message)) return 'duplicate';
    if (!failure.counted && delays.length === 0) return 'returned';
    const delay = failure.counted ? delays[message.attempt - 1] : delays[0];
    if (delay === undefined) {
      await runRetriesExhausted(message, error, context);
      throw new PermanentError(failure.code, failure.message, { cause: error });
    }
    const sent = await publishUntilConfirmed(context, message, {
      exchange: names.failed(name),
      routingKey: failedKey(delay),
      headers: {
        [HEADERS.attempts]: writeAttempts([
          ...readAttempts(message.delivery.properties.headers),
          describeAttempt(context, failure, delay),
        ]),
        [HEADERS.attempt]: message.attempt + (failure.counted ? 1 : 0),
      },
    });
    if (!sent) return 'returned';
    failpoint('worker.retry_confirmed');
    logger.info(`Failed; retrying in ${formatDuration(delay)}: ${failure.message}`, {
      code: failure.code,
      ...eventLogFields(message.event),
      attempt: message.attempt,
    });
    return 'retried';
  }
};

/** A hook that throws would throw every time: the message is dead-lettered without the effects of the hook. */
async function runRetriesExhausted(message: Message, error: unknown, context: PipelineContext): Promise<void> {
  try {
    await context.onRetriesExhausted(message, error);
  } catch (thrown) {
    const failure = failureOf(thrown);
    if (isStoreOrBrokerError(failure.code)) throw thrown;
    context.logger.error(`\`onRetriesExhausted\` threw; the message is dead-lettered without it: ${failure.message}`, {
      code: failure.code,
      ...eventLogFields(message.event),
    });
  }
}

/** Errors of the worker's own store or broker are not caused by the message: it is requeued, and the worker pauses. */
function isStoreOrBrokerError(code: string): boolean {
  return code.startsWith('store.') || code.startsWith('broker.');
}
