import { cut, type Attempt } from '../../broker/messages/headers.js';
import type { Clock } from '../../concurrency/clock.js';
import {
  errorOf,
  errors,
  FlotillaError,
  messageOf,
  PermanentError,
  UnavailableError,
  type Disposal,
} from '../../errors.js';

/** An error in a form that fits into headers. */
export interface Failure {
  code: string;
  name: string;
  message: string;
  disposal: Disposal;
  /** False if the failure uses no attempt. */
  counted: boolean;
  /** The error as it was thrown. */
  error: Error;
}

/** A failure that uses no attempt: the circuit breaker was open when it occurred, or it was the failure of a probe. */
export class UncountedError extends Error {
  override readonly name = 'UncountedError';

  constructor(override readonly cause: Error) {
    super(cause.message);
  }
}

const MAX_MESSAGE_LENGTH = 500;
/** The same limit as in the history of attempts. */
const MAX_NAME_LENGTH = 100;

/** Converts any thrown value. Never throws. All texts are bounded. */
export function failureOf(thrown: unknown): Failure {
  const outer = errorOf(thrown);
  const counted = !(outer instanceof UncountedError);
  const error = outer instanceof UncountedError ? outer.cause : outer;
  const name = cut(error.name, MAX_NAME_LENGTH);
  const message = cut(messageOf(error), MAX_MESSAGE_LENGTH);
  if (error instanceof FlotillaError)
    return { code: error.code, name, message, disposal: error.disposal, counted, error };
  if (error instanceof PermanentError) {
    const { code } = error as { code: unknown };
    const known = typeof code === 'string' && code !== '' ? cut(code, MAX_NAME_LENGTH) : 'worker.permanent';
    return { code: known, name, message, disposal: 'reject', counted, error };
  }
  const code = error instanceof UnavailableError ? error.code : 'worker.handler_failed';
  return { code, name, message, disposal: errors[code].disposal, counted, error };
}

/** The entry of the attempt history. `delay`: milliseconds until the next attempt; null if there is none. */
export function describeAttempt(
  { name: worker, instance, clock }: { name: string; instance: string; clock: Clock },
  { code, name, message }: Pick<Failure, 'code' | 'name' | 'message'>,
  delay: number | null,
): Attempt {
  return { at: new Date(clock.now()).toISOString(), worker, instance, code, name, message, delay };
}
