import { vouchAgain, type MessageProperties, type OutgoingMessage } from '../../broker/broker.js';
import type { Fields } from '../../broker/messages/amqp-fields.js';
import { eventProperties } from '../../broker/messages/event-properties.js';
import { positionHeader, positionOf, type EventPosition } from '../../broker/messages/event-position.js';
import { HEADERS, readReplaced, writeReplaced, type ReplacedEvent } from '../../broker/messages/headers.js';
import { republished } from '../../broker/messages/republish.js';
import type { Names } from '../../broker/topology/topology.js';
import type { EventEnvelope } from '../../events/envelope.js';
import { parseEnvelope } from '../../events/parse-envelope.js';
import type { StoredDeadLetter } from '../dead-letter.js';
import { attempt } from './event-draft.js';

/** Headers about the dead-lettering and earlier attempts, which a replayed message does not have. */
const DEATH_HEADERS: ReadonlySet<string> = new Set([
  HEADERS.attempt,
  HEADERS.deadLetterId,
  HEADERS.errorCode,
  HEADERS.errorMessage,
  HEADERS.deadAt,
]);

/** The message that replays a dead letter. It is published to the queue of its worker, or of `to`, not to the exchange,
 *  so that no other worker receives it again. It carries its attempts. `vouch`: signed as a message of the fleet,
 *  whatever its origin. */
export function replayMessage(
  deadLetter: StoredDeadLetter,
  names: Names,
  { to = deadLetter.worker, vouch = false }: { to?: string | undefined; vouch?: boolean | undefined } = {},
): OutgoingMessage {
  const queue = names.queue(to);
  const origin = vouch || deadLetter.replacement !== null ? 'fleet' : (deadLetter.origin ?? 'fleet');
  const common = { exchange: '', routingKey: queue, mandatory: true, vouch: vouchAgain(origin, queue) };
  const { [HEADERS.replaces]: replaces, ...others } = withoutDeathHeaders(deadLetter.properties.headers ?? {});
  const headers =
    to === deadLetter.worker && replaces !== undefined ? { ...others, [HEADERS.replaces]: replaces } : others;
  const own: Fields = { [HEADERS.replays]: deadLetter.replays + 1 };
  if (deadLetter.replacement === null) {
    // an operator who sends it despite the code, or to another worker, vouches for it
    const isVouchedFor = vouch || deadLetter.code === 'contract.unverified_source' || to !== deadLetter.worker;
    return {
      ...common,
      body: deadLetter.body,
      properties: vouched(republished({ ...deadLetter.properties, headers }, own), isVouchedFor),
    };
  }
  const { body, key } = deadLetter.replacement;
  const event = JSON.parse(body) as EventEnvelope;
  const isSameKey = key !== null && key !== event.id;
  const properties = eventProperties({ ...event, correlationId: event.correlationid, time: Date.parse(event.time) });
  return {
    ...common,
    body: Buffer.from(body),
    properties: vouched(
      republished(
        { ...properties, headers },
        {
          ...own,
          ...properties.headers,
          [HEADERS.key]: key ?? event.id,
          ...positionHeader(positionIn(deadLetter)),
          [HEADERS.replaces]: writeReplaced(isSameKey && to === deadLetter.worker ? replacedBy(deadLetter) : []),
        },
      ),
    ),
  };
}

/** The event of the dead letter, and those that it replaced. The broker may deliver it again, if its worker was killed before
 *  the ack; another worker may have handled it. */
function replacedBy({ source, eventId, properties }: StoredDeadLetter): ReplacedEvent[] {
  const earlier = readReplaced(properties.headers ?? {});
  return source === null || eventId === null ? earlier : [...earlier, { source, id: eventId }];
}

/** The position of the event in its sequence, for a worker that handles consecutive numbers. */
function positionIn(deadLetter: StoredDeadLetter): EventPosition | undefined {
  const event = attempt(() => parseEnvelope(deadLetter));
  return event && positionOf(event, deadLetter.properties.headers ?? {});
}

/** The properties of a message that this process originates. */
function vouched({ userId, ...properties }: MessageProperties, isVouchedFor = true): MessageProperties {
  return isVouchedFor ? properties : { ...properties, userId };
}

/** The headers of a message without those about its dead-lettering and its attempts. */
export function withoutDeathHeaders(headers: Fields): Fields {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !DEATH_HEADERS.has(name)));
}
