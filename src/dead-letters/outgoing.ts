import { vouchAgain, type MessageProperties, type OutgoingMessage } from '../broker/contract.js';
import type { Fields } from '../broker/fields.js';
import { eventProperties } from '../broker/event-properties.js';
import { HEADERS } from '../broker/headers.js';
import { republished } from '../broker/republish.js';
import type { Names } from '../broker/topology.js';
import type { EventEnvelope } from '../events/envelope.js';
import type { KeptDeadLetter } from './dead-letter.js';

/** What tells of the death, and of the attempts until then; a message that is sent again begins anew. */
const LEFT_BEHIND: ReadonlySet<string> = new Set([
  HEADERS.attempt,
  HEADERS.deadLetterId,
  HEADERS.errorCode,
  HEADERS.errorMessage,
  HEADERS.deadAt,
]);

/** A dead letter as it is sent again: to the queue of its worker, or of `to`, never to the exchange, so that no other
 *  worker gets it twice. Its history goes with it. `vouch`: signed as the fleet's own, whoever wrote it. */
export function outgoingOf(
  letter: KeptDeadLetter,
  names: Names,
  { to = letter.worker, vouch = false }: { to?: string | undefined; vouch?: boolean | undefined } = {},
): OutgoingMessage {
  const queue = names.queue(to);
  const origin = vouch || letter.replacement !== null ? 'fleet' : (letter.origin ?? 'fleet');
  const common = { exchange: '', routingKey: queue, mandatory: true, vouch: vouchAgain(origin, queue) };
  const headers = withoutDeath(letter.properties.headers ?? {});
  const own: Fields = { [HEADERS.replays]: letter.replays + 1 };
  if (letter.replacement === null) {
    // an operator who sends it in spite of the code, or to another worker, vouches for it
    const isVouchedFor = vouch || letter.code === 'contract.unverified_source' || to !== letter.worker;
    return {
      ...common,
      body: letter.body,
      properties: vouched(republished({ ...letter.properties, headers }, own), isVouchedFor),
    };
  }
  const { body, key } = letter.replacement;
  const event = JSON.parse(body) as EventEnvelope;
  const properties = eventProperties({ ...event, correlationId: event.correlationid, time: Date.parse(event.time) });
  return {
    ...common,
    body: Buffer.from(body),
    properties: vouched(
      republished({ ...properties, headers }, { ...own, ...properties.headers, [HEADERS.key]: key ?? event.id }),
    ),
  };
}

/** The properties as of a message that this process publishes for the first time. */
function vouched({ userId, ...properties }: MessageProperties, isVouchedFor = true): MessageProperties {
  return isVouchedFor ? properties : { ...properties, userId };
}

/** The headers of a message without its death and the number of its attempts. */
export function withoutDeath(headers: Fields): Fields {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !LEFT_BEHIND.has(name)));
}
