import type { Fields, OutgoingMessage } from '../broker/contract.js';
import { HEADERS } from '../broker/headers.js';
import type { Names } from '../broker/topology.js';
import { CLOUDEVENTS_JSON, type EventEnvelope } from '../events/envelope.js';
import type { KeptDeadLetter } from './dead-letter.js';

/** What tells of the death, and of the attempts until then; a message that is sent again begins anew. */
const LEFT_BEHIND: ReadonlySet<string> = new Set([
  HEADERS.attempt,
  HEADERS.deadLetterId,
  HEADERS.errorCode,
  HEADERS.errorMessage,
  HEADERS.deadAt,
  'x-death',
  'x-delivery-count',
]);

/** A dead letter as it is sent again: to the worker's own queue, never to the exchange, so that nobody else sees it
 *  twice. Its history goes with it. */
export function outgoingOf(letter: KeptDeadLetter, names: Names): OutgoingMessage {
  const common = { exchange: '', routingKey: names.queue(letter.worker), mandatory: true };
  const headers: Fields = { ...withoutDeath(letter.properties.headers ?? {}), [HEADERS.replays]: letter.replays + 1 };
  if (letter.replacement === null)
    return { ...common, body: letter.body, properties: { ...letter.properties, headers } };
  const { body, key } = letter.replacement;
  const event = JSON.parse(body) as EventEnvelope;
  return {
    ...common,
    body: Buffer.from(body),
    properties: {
      messageId: event.id,
      type: event.type,
      appId: event.source,
      timestamp: Math.floor(Date.parse(event.time) / 1000),
      correlationId: event.correlationid,
      contentType: CLOUDEVENTS_JSON,
      headers: { ...headers, [HEADERS.subject]: event.subject, [HEADERS.key]: key ?? event.id },
    },
  };
}

function withoutDeath(headers: Fields): Fields {
  return Object.fromEntries(
    Object.entries(headers).filter(
      ([name]) => !LEFT_BEHIND.has(name) && !name.startsWith('x-first-death-') && !name.startsWith('x-last-death-'),
    ),
  );
}
