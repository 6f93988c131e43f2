import { z } from 'zod';
import { redact } from '../../text/redact.js';
import type { Fields } from './amqp-fields.js';

/** The headers that carry the history of a message through retries, dead letters and replays. */
export const HEADERS = {
  /** JSON text, an array of `Attempt`: see `readAttempts`. */
  attempts: 'flotilla-attempts',
  /** The number of this attempt. May be lower than the length of the history, because failures while the circuit
   *  breaker is open do not count. */
  attempt: 'flotilla-attempt',
  /** The exchange to which the message was first published. */
  exchange: 'flotilla-exchange',
  /** The routing key with which it was first published. */
  routingKey: 'flotilla-routing-key',
  /** The same for every copy of one dead letter. */
  deadLetterId: 'flotilla-dead-letter-id',
  errorCode: 'flotilla-error-code',
  errorMessage: 'flotilla-error-message',
  /** When the message was dead-lettered, RFC 3339. */
  deadAt: 'flotilla-dead-at',
  /** When the message was quarantined first, RFC 3339, and the code of the reason. Only in the quarantine. */
  quarantinedAt: 'flotilla-quarantined-at',
  quarantinedFor: 'flotilla-quarantined-for',
  /** How often it was replayed from the dead letters. */
  replays: 'flotilla-replays',
  /** The subject of the event, if any; readable without parsing the body. */
  subject: 'flotilla-subject',
  /** The slot of the subject, and its partition for each number of partitions: `flotilla-p16`. See `slotHeaders`. */
  slot: 'flotilla-slot',
  partitionOf: 'flotilla-p',
  /** The epoch of a change of the number of partitions: the message separates those before it from those after it. */
  marker: 'flotilla-marker',
  /** The idempotency key for external services, if it is not the event's own id: an edited dead letter keeps the key
   *  of the original event. */
  key: 'flotilla-key',
  /** The dead-lettered events that an edited one replaces at its worker: see `readReplaced`. */
  replaces: 'flotilla-replaces',
  /** JSON text, the position of the event that an edited one replaces: see `positionOf`. */
  position: 'flotilla-position',
  /** Names of headers and properties that were dropped when the message was republished, because they did not fit,
   *  cannot be encoded, or would route it to more queues (`CC`). Text, at most 500 characters. */
  dropped: 'flotilla-dropped',
  /** The replay of history that sent the message; absent in regular deliveries. */
  replay: 'flotilla-replay',
  /** True if the replay repeats events that were already handled. */
  again: 'flotilla-replay-again',
  /** True if the replay repeats calls to external services. */
  sideEffects: 'flotilla-replay-side-effects',
  /** `<key id>.<HMAC>`: a process of the fleet has published this body with these headers. See
   *  `signing/signature.ts`. */
  signature: 'flotilla-signature',
  /** The queue of the worker for which the headers are meant; absent in messages that a relay publishes. */
  for: 'flotilla-for',
  /** True if only the headers are the fleet's: the body came from a publisher without a fleet key. */
  outside: 'flotilla-outside',
} as const;

/** One failed attempt to handle a message. */
export interface Attempt {
  /** RFC 3339. */
  at: string;
  worker: string;
  /** The process, by its instance name. */
  instance: string;
  /** The stable code of the error. */
  code: string;
  /** The name of the error's class. */
  name: string;
  message: string;
  /** Milliseconds until the next attempt; null after the last one. */
  delay: number | null;
}

/** Headers count against the broker's frame limit (131,072 bytes by default); a history stays far below it. */
const MAX_ATTEMPTS = 20;
const MAX_BYTES = 8 * 1024;
const MAX_MESSAGE_LENGTH = 300;
const MAX_WORD_LENGTH = 100;

const attempt = z.object({
  at: z.string(),
  worker: z.string(),
  instance: z.string(),
  code: z.string(),
  name: z.string(),
  message: z.string(),
  delay: z.number().nullable(),
});

/** Reads the history from the headers, oldest first, with redacted messages. Any publisher may write headers:
 *  malformed entries are ignored. Never throws. */
export function readAttempts(headers: Fields): Attempt[] {
  const text = headers[HEADERS.attempts];
  if (typeof text !== 'string' || text.length > 2 * MAX_BYTES) return [];
  const list = parseList(text);
  return list.slice(0, MAX_ATTEMPTS).flatMap((entry) => {
    const result = attempt.safeParse(entry);
    return result.success ? [shorten(result.data)] : [];
  });
}

/** Serializes the value of the `attempts` header: at most 20 attempts and 8 KiB of UTF-8. Keeps the first attempt,
 *  which shows the original failure, and the latest ones. */
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

/** Returns the text of a header; undefined if it is missing or not a text. */
export function textHeader(headers: Fields, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' ? value : undefined;
}

/** An event that must not be handled any more, because an edited one replaces it. */
export interface ReplacedEvent {
  source: string;
  id: string;
}

const replaced = z.array(z.object({ source: z.string(), id: z.string() })).max(10);

/** Returns the events that the message replaces, oldest first. Never throws. */
export function readReplaced(headers: Fields): ReplacedEvent[] {
  const text = headers[HEADERS.replaces];
  if (typeof text !== 'string' || text.length > MAX_BYTES) return [];
  return replaced.safeParse(parseList(text)).data ?? [];
}

/** Serializes the value of the `replaces` header: at most 10 events, the latest ones. */
export function writeReplaced(events: readonly ReplacedEvent[]): string {
  return JSON.stringify(events.slice(-10));
}

/** Returns how often the message was replayed from the dead letters. */
export function readReplays(headers: Fields): number {
  const value = headers[HEADERS.replays];
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : 0;
}

/** Truncates a text to a length, marking the cut with `…`. */
export function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}

function shorten(attempt: Attempt): Attempt {
  return {
    at: cut(attempt.at, MAX_WORD_LENGTH),
    worker: cut(attempt.worker, MAX_WORD_LENGTH),
    instance: cut(attempt.instance, MAX_WORD_LENGTH),
    code: cut(attempt.code, MAX_WORD_LENGTH),
    name: cut(attempt.name, MAX_WORD_LENGTH),
    message: cut(redact(attempt.message), MAX_MESSAGE_LENGTH),
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
