import { HEADERS, readAttempts, writeAttempts } from '../../broker/messages/headers.js';
import { PermanentError } from '../../errors.js';
import { describeAttempt, failureOf } from '../pipeline/failure.js';
import { eventLogFields, type Message } from '../pipeline/message.js';
import type { Middleware, PipelineContext } from '../pipeline/context.js';
import { formatDuration } from '../../duration.js';

/** Lets a failed message wait for its next attempt. When the delays are used up, it is dead-lettered. */
export const retry: Middleware = (next, context) => async (message) => {
  try {
    return await next(message);
  } catch (error) {
    const failure = failureOf(error);
    message.failure = failure;
    if (failure.disposal !== 'retry' || isStoreOrBrokerError(failure.code)) throw error;
    const { logger, retryDelays: delays } = context;
    if (await context.isHandled(message)) return 'duplicate';
    if (!failure.counted && delays.length === 0) return 'returned';
    const delay = failure.counted ? delays[message.attempt - 1] : delays[0];
    if (delay === undefined) {
      await runRetriesExhausted(message, error, context);
      throw new PermanentError(failure.code, failure.message, { cause: error });
    }
    const attempts = readAttempts(message.delivery.properties.headers);
    const isWaiting = await context.waitForRetry(message, delay, {
      [HEADERS.attempts]: writeAttempts([...attempts, describeAttempt(context, failure, delay)]),
      [HEADERS.attempt]: message.attempt + (failure.counted ? 1 : 0),
    });
    if (!isWaiting) return 'returned';
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
