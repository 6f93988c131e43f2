import { createHash } from 'node:crypto';
import type { Delivery } from '../../broker/broker.js';
import type { Fields } from '../../broker/messages/amqp-fields.js';
import {
  HEADERS,
  readAttempts,
  readReplays,
  textHeader,
  writeAttempts,
  type Attempt,
} from '../../broker/messages/headers.js';
import { derivedId } from '../../events/ids.js';

/** The headers of a dead letter: why and when the message was dead-lettered, after which attempts. `last` is the attempt
 *  that ended so. */
export function deadLetterHeaders(delivery: Delivery, last: Attempt, subject: string | undefined): Fields {
  return {
    [HEADERS.attempts]: writeAttempts([...readAttempts(delivery.properties.headers), last]),
    [HEADERS.deadLetterId]: deadLetterId(delivery, last.worker),
    [HEADERS.errorCode]: last.code,
    [HEADERS.errorMessage]: last.message,
    [HEADERS.deadAt]: last.at,
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
