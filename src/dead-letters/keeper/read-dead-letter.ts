import { createHash } from 'node:crypto';
import { HEADERS, readAttempts, readReplays, textHeader } from '../../broker/messages/headers.js';
import type { Delivery } from '../../broker/broker.js';
import type { Fields, FieldValue } from '../../broker/messages/amqp-fields.js';
import { eventIn } from '../../events/event-in.js';
import { kindOf, type Definitions } from '../../events/definitions.js';
import { derivedId } from '../../events/ids.js';
import { isTextLine, oneLine } from '../../events/text-line.js';
import { redact } from '../../text/redact.js';
import type { DeadLetter } from '../dead-letter.js';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

type Source = Pick<Delivery, 'body' | 'properties' | 'origin'>;

/** Reads a message of `<worker>.dead` as a dead letter. Never throws: any message of that queue can be stored. Workers
 *  put the reason into headers; a message that the broker dead-lettered gets the code `broker.<reason>` and an id
 *  derived from the message and the time. `now` (milliseconds) replaces a missing time. */
export function readDeadLetter(delivery: Source, worker: string, definitions: Definitions, now: number): DeadLetter {
  const { body, origin = null } = delivery;
  const properties = withoutDeliveryCount(delivery.properties);
  const { headers } = properties;
  const about = describe(delivery, definitions);
  const givenId = textHeader(headers, HEADERS.deadLetterId);
  const givenCode = textHeader(headers, HEADERS.errorCode);
  const common = {
    worker,
    ...about,
    attempts: readAttempts(headers),
    replays: readReplays(headers),
    body,
    properties,
    origin,
  };
  if (givenId !== undefined && UUID.test(givenId) && givenCode !== undefined) {
    return {
      ...common,
      id: givenId.toLowerCase(),
      code: oneLine(givenCode, 100),
      message: oneLine(redact(textHeader(headers, HEADERS.errorMessage) ?? ''), 1000),
      deadAt: new Date(parseTime(textHeader(headers, HEADERS.deadAt)) ?? now).toISOString(),
    };
  }
  const death = lastDeath(headers);
  return {
    ...common,
    id: derivedId(
      death.time ?? 0,
      'dead-letter',
      worker,
      properties.messageId ?? '',
      createHash('sha256').update(body).digest('hex'),
      death.time ?? 0,
    ),
    code: `broker.${death.reason}`,
    message: REASONS[death.reason] ?? `The broker dead-lettered it: ${death.reason}`,
    deadAt: new Date(death.time ?? now).toISOString(),
  };
}

/** The broker counts how often the queue of dead letters has delivered the message, which says nothing about it. */
function withoutDeliveryCount({ headers, ...properties }: Source['properties']): Source['properties'] {
  const { 'x-delivery-count': _, ...others } = headers;
  return { ...properties, headers: others };
}

/** Error messages for the broker's reasons. */
const REASONS: Record<string, string> = {
  delivery_limit: 'It exceeded the delivery limit of the queue without being settled',
  rejected: 'A consumer rejected it',
  expired: 'Its time to live in the queue has expired',
  maxlen: 'The queue was full',
  unknown: 'It was published to the dead letters directly',
};

type About = Pick<DeadLetter, 'eventId' | 'source' | 'type' | 'kind' | 'subject' | 'correlationId'>;

/** From the event if the body is one, otherwise from the properties. */
function describe({ body, properties }: Source, definitions: Definitions): About {
  const event = eventIn({ body, properties });
  const type = event?.type ?? bounded(properties.type, 255);
  return {
    eventId: event?.id ?? bounded(properties.messageId, 256),
    source: event?.source ?? bounded(properties.appId, 256),
    type,
    kind: type === null ? null : (kindOf(definitions, type) ?? null),
    subject: event?.subject ?? bounded(textHeader(properties.headers, HEADERS.subject), 512),
    correlationId: event?.correlationid ?? bounded(properties.correlationId, 256),
  };
}

/** The latest entry of x-death, which is the first one. Its time is in seconds. */
function lastDeath(headers: Fields): { reason: string; time?: number } {
  const deaths = headers['x-death'];
  const [death] = Array.isArray(deaths) ? deaths : [];
  if (!isTable(death)) return { reason: 'unknown' };
  const { reason, time } = death;
  const seconds = isTable(time) ? time['value'] : time;
  return {
    reason: typeof reason === 'string' && /^[a-z_-]{1,40}$/.test(reason) ? reason.replaceAll('-', '_') : 'unknown',
    ...(typeof seconds === 'number' && isTime(seconds * 1000) && { time: seconds * 1000 }),
  };
}

function isTable(value: FieldValue | undefined): value is { [key: string]: FieldValue } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseTime(text: string | undefined): number | undefined {
  const time = text === undefined ? NaN : Date.parse(text);
  return isTime(time) ? time : undefined;
}

/** From 1970 to the end of the year 9999. */
function isTime(milliseconds: number): boolean {
  return milliseconds >= 0 && milliseconds < 253_402_300_800_000;
}

/** Null for an invalid attribute, which an event about the dead letter must not contain. */
function bounded(text: string | undefined, length: number): string | null {
  return text === undefined || !isTextLine(text, length) ? null : text;
}
