import { z } from 'zod';
import { redact } from '../../text/redact.js';
import type { Fields } from './amqp-fields.js';

/** The headers by which a message carries its history through retries, dead letters and replays. */
export const HEADERS = {
  /** JSON text, an array of `Attempt`: see `readAttempts`. */
  attempts: 'flotilla-attempts',
  /** A number: which attempt the delivery is. Counts less than the history shows, as failures while the circuit
   *  breaker is open spend none. */
  attempt: 'flotilla-attempt',
  /** The exchange to which the message was published first. */
  exchange: 'flotilla-exchange',
  /** The routing key with which it was published first. */
  routingKey: 'flotilla-routing-key',
  /** The same for every copy of one dead letter. */
  deadLetterId: 'flotilla-dead-letter-id',
  errorCode: 'flotilla-error-code',
  errorMessage: 'flotilla-error-message',
  /** When the message was given up, RFC 3339. */
  deadAt: 'flotilla-dead-at',
  /** How often it was sent again from the dead letters. */
  replays: 'flotilla-replays',
  /** The subject of the event, where there is one: known without reading the body. */
  subject: 'flotilla-subject',
  /** The idempotency key for the world outside, where it is not the event's own id: a mended dead letter keeps the
   *  key of the event it replaces. */
  key: 'flotilla-key',
  /** Names of headers and properties that were left behind when the message was published again: they did not fit, cannot be
   *  encoded, or would route it to more queues (`CC`). Text, at most 500 characters. */
  dropped: 'flotilla-dropped',
  /** Which replay of history sent the message; absent on what is delivered the ordinary way. */
  replay: 'flotilla-replay',
  /** True: the replay handles again also what was handled before. */
  again: 'flotilla-replay-again',
  /** True: the world outside shall hear of it once more. */
  sideEffects: 'flotilla-replay-side-effects',
  /** `<key id>.<HMAC>`: a process of the fleet has published this body with these headers. See `signing/signature.ts`. */
  signature: 'flotilla-signature',
  /** The queue of the worker for which the headers are meant; absent on what a relay publishes. */
  for: 'flotilla-for',
  /** True: the headers are the fleet's, and the body came from a publisher that has no fleet key. */
  outside: 'flotilla-outside',
} as const;

/** One attempt to handle a message that failed. */
export interface Attempt {
  /** RFC 3339. */
  at: string;
  worker: string;
  /** The process, as it calls itself. */
  instance: string;
  /** The stable code of the error. */
  code: string;
  /** The name of the error's class. */
  name: string;
  message: string;
  /** Milliseconds until the next attempt; null where this was the last. */
  delay: number | null;
}

/** Headers count against the broker's frame (131,072 bytes by default): a history stays far below it. */
const MAX_ATTEMPTS = 20;
const MAX_BYTES = 8 * 1024;
const MAX_MESSAGE = 300;
const MAX_WORD = 100;

const attempt = z.object({
  at: z.string(),
  worker: z.string(),
  instance: z.string(),
  code: z.string(),
  name: z.string(),
  message: z.string(),
  delay: z.number().nullable(),
});

/** The history that the headers carry, the oldest first, messages redacted. Anybody may write headers: what is not as it must be is left
 *  out, and nothing is thrown. */
export function readAttempts(headers: Fields): Attempt[] {
  const text = headers[HEADERS.attempts];
  if (typeof text !== 'string' || text.length > 2 * MAX_BYTES) return [];
  const list = parseList(text);
  return list.slice(0, MAX_ATTEMPTS).flatMap((entry) => {
    const result = attempt.safeParse(entry);
    return result.success ? [shorten(result.data)] : [];
  });
}

/** The value of the `attempts` header: at most 20 attempts and 8 KiB of UTF-8. The first is kept, as it tells how it
 *  began, and the latest; those between go first. */
export function writeAttempts(attempts: readonly Attempt[]): string {
  const [first, ...rest] = attempts.map(shorten);
  if (first === undefined) return '[]';
  let kept = [first, ...rest.slice(-(MAX_ATTEMPTS - 1))];
  let text = JSON.stringify(kept);
  while (kept.length > 1 && Buffer.byteLength(text) > MAX_BYTES) {
    kept = kept.length > 2 ? [first, ...kept.slice(2)] : kept.slice(-1);
    text = JSON.stringify(kept);
  }
  return text;
}

/** The text of a header; undefined where it is missing or something else. */
export function textHeader(headers: Fields, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' ? value : undefined;
}

/** How often the message was sent again from the dead letters. */
export function readReplays(headers: Fields): number {
  const value = headers[HEADERS.replays];
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : 0;
}

/** The text, cut to a length with a sign that it was. */
export function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}

function shorten(attempt: Attempt): Attempt {
  return {
    at: cut(attempt.at, MAX_WORD),
    worker: cut(attempt.worker, MAX_WORD),
    instance: cut(attempt.instance, MAX_WORD),
    code: cut(attempt.code, MAX_WORD),
    name: cut(attempt.name, MAX_WORD),
    message: cut(redact(attempt.message), MAX_MESSAGE),
    delay: attempt.delay,
  };
}

function parseList(text: string): unknown[] {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : [];
  } catch (error) {
    if (error instanceof SyntaxError) return [];
    throw error;
  }
}
