import { sleep } from '../../concurrency/sleep.js';
import { vouchAgain } from '../../broker/contract.js';
import type { Fields } from '../../broker/fields.js';
import { cut, HEADERS, type Attempt } from '../../broker/headers.js';
import { republished } from '../../broker/republish.js';
import {
  errorOf,
  errors,
  FlotillaError,
  hasCode,
  messageOf,
  PermanentError,
  UnavailableError,
  type Disposal,
} from '../../errors.js';
import type { Message } from './message.js';
import type { Station } from './context.js';

/** What went wrong, in a form that fits into headers. */
export interface Failure {
  code: string;
  name: string;
  message: string;
  disposal: Disposal;
  /** False where the failure spends no attempt. */
  counted: boolean;
  /** What was thrown. */
  error: Error;
}

/** The failure spends no attempt: the circuit breaker was open when it landed, or it was a probe. */
export class UncountedError extends Error {
  override readonly name = 'UncountedError';

  constructor(override readonly cause: Error) {
    super(cause.message);
  }
}

const MAX_MESSAGE = 500;
/** As long as in the history of attempts. */
const MAX_WORD = 100;

/** Never throws, and every text of it is bounded. */
export function failureOf(thrown: unknown): Failure {
  const outer = errorOf(thrown);
  const counted = !(outer instanceof UncountedError);
  const error = outer instanceof UncountedError ? outer.cause : outer;
  const name = cut(error.name, MAX_WORD);
  const message = cut(messageOf(error), MAX_MESSAGE);
  if (error instanceof FlotillaError)
    return { code: error.code, name, message, disposal: error.disposal, counted, error };
  if (error instanceof PermanentError) {
    const { code } = error as { code: unknown };
    const known = typeof code === 'string' && code !== '' ? cut(code, MAX_WORD) : 'worker.permanent';
    return { code: known, name, message, disposal: 'reject', counted, error };
  }
  const code = error instanceof UnavailableError ? error.code : 'worker.handler_failed';
  return { code, name, message, disposal: errors[code].disposal, counted, error };
}

export function describeAttempt(station: Station, failure: Failure, delay: number | null): Attempt {
  const { name: worker, instance, now } = station;
  const { code, name, message } = failure;
  return { at: new Date(now()).toISOString(), worker, instance, code, name, message, delay };
}

const FIRST_PAUSE = 50;
const LONGEST_PAUSE = 5000;

/**
 * Publishes a copy of the message, with these headers on top of its own, until the broker has confirmed that a queue
 * took it. False when the message is lost to this process anyway (its channel is gone, or the process must end): it
 * will be delivered again, and nothing is to be acked. Throws `broker.unencodable` where no try can succeed.
 */
export async function publishSurely(
  { name, names, publisher, logger, signal, unplaced }: Station,
  message: Message,
  target: { exchange: string; routingKey: string; headers: Fields },
): Promise<boolean> {
  const { delivery } = message;
  const gone = AbortSignal.any([delivery.lost, signal]);
  const { body, exchange, routingKey } = delivery;
  const headers: Fields = {
    [HEADERS.exchange]: exchange,
    [HEADERS.routingKey]: routingKey,
    ...delivery.properties.headers,
  };
  const properties = republished({ ...delivery.properties, headers }, target.headers);
  try {
    for (let pause = FIRST_PAUSE; !gone.aborted; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
      try {
        await publisher.ready(gone);
        await publisher.publish({
          exchange: target.exchange,
          routingKey: target.routingKey,
          body,
          properties,
          mandatory: true,
          vouch: vouchAgain(delivery.origin, names.queue(name)),
        });
        return true;
      } catch (error) {
        if (gone.aborted) break;
        if (hasCode(error, 'broker.unencodable')) throw error;
        unplaced.add(message);
        logger.error(`A failed message could not be put aside, trying again: ${messageOf(error)}`, {
          exchange: target.exchange,
          routingKey: target.routingKey,
        });
        await sleep(pause, gone);
      }
    }
    return false;
  } finally {
    unplaced.delete(message);
  }
}
