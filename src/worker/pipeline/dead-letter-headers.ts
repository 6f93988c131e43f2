import { createHash } from 'node:crypto';
import type { Delivery } from '../../broker/broker.js';
import type { Fields } from '../../broker/messages/amqp-fields.js';
import { HEADERS, readAttempts, readReplays, textHeader, writeAttempts } from '../../broker/messages/headers.js';
import { derivedId } from '../../events/ids.js';

export interface DeadLetterReason {
  worker: string;
  instance: string;
  failure: { code: string; name: string; message: string };
  /** Milliseconds since the epoch. */
  at: number;
  subject: string | undefined;
}

/** The headers of a dead letter: why and when the message was dead-lettered, after which attempts. */
export function deadLetterHeaders(delivery: Delivery, reason: DeadLetterReason): Fields {
  const { worker, instance, failure, at, subject } = reason;
  const { code, name, message } = failure;
  const time = new Date(at).toISOString();
  return {
    [HEADERS.attempts]: writeAttempts([
      ...readAttempts(delivery.properties.headers),
      { at: time, worker, instance, code, name, message, delay: null },
    ]),
    [HEADERS.deadLetterId]: deadLetterId(delivery, worker),
    [HEADERS.errorCode]: code,
    [HEADERS.errorMessage]: message,
    [HEADERS.deadAt]: time,
    ...(subject !== undefined && { [HEADERS.subject]: subject }),
  };
}

/** Deterministic for one message and its attempts: a copy that is published twice, because the process ended between
 *  the confirm and the ack, is stored once. */
function deadLetterId({ body, properties }: Delivery, worker: string): string {
  const { headers, messageId, timestamp } = properties;
  const hash = createHash('sha256').update(body).digest('hex'); // message ids of other publishers may collide
  const history = textHeader(headers, HEADERS.attempts) ?? '';
  return derivedId((timestamp ?? 0) * 1000, worker, messageId ?? '', hash, history, readReplays(headers));
}
