import { isAttributeHeader } from '../../events/parse-envelope.js';
import { oneLine } from '../../events/text-line.js';
import type { MessageProperties, OutgoingMessage } from '../broker.js';
import type { Fields, FieldValue } from './amqp-fields.js';
import { HEADERS } from './headers.js';

/** What amqplib encodes at most. */
const MAX_ENCODED_BYTES = 65_536;
/** What all headers of a message that is published again may take: the broker adds its own. */
const MAX_HEADER_BYTES = 48 * 1024;
/** Deeper than any header: every step over them is recursive. */
const MAX_DEPTH = 16;
/** A property, a header's name and a routing key are short strings in AMQP 0-9-1. */
const MAX_SHORT_BYTES = 255;
const MAX_MARKER = 500;

/** They name more routing keys: a message that kept them would be multiplied by each retry and replay. */
const ROUTING: ReadonlySet<string> = new Set(['CC', 'BCC']);
const OWN: ReadonlySet<string> = new Set(Object.values(HEADERS));

/**
 * The properties with which a message is published again, by a retry, a dead letter or a replay: `own` headers first, then
 * those of the fleet that the message carries, then the attributes of an event in binary mode, then the others as far as they fit. `CC` and `BCC` and what the broker wrote
 * about earlier deaths stay behind. The header `flotilla-dropped` names what else was dropped, properties too. Whatever was
 * received, the result can be encoded. `userId` says whom the message was received from; the publisher puts its own.
 */
export function republished({ headers = {}, ...properties }: MessageProperties, own: Fields = {}): MessageProperties {
  const dropped: string[] = [];
  const given = Object.entries(headers).filter(([name]) => !isBrokers(name) && !Object.hasOwn(own, name));
  const wanted = [
    ...Object.entries(own),
    ...given.filter(([name]) => OWN.has(name)),
    ...given.filter(([name]) => !OWN.has(name) && isAttributeHeader(name)),
    ...given.filter(([name]) => !OWN.has(name) && !isAttributeHeader(name)),
  ].filter(([name]) => name !== HEADERS.dropped);
  const kept: [string, FieldValue][] = [];
  let left = MAX_HEADER_BYTES - 4 * MAX_MARKER;
  for (const [name, value] of wanted) {
    const size = ROUTING.has(name) ? undefined : fieldSize(name, value);
    if (size === undefined || size > left) {
      dropped.push(name);
      continue;
    }
    kept.push([name, value]);
    left -= size;
  }
  const fitting = fittingProperties(properties, dropped);
  const earlier = headers[HEADERS.dropped];
  const names = [...(typeof earlier === 'string' ? [earlier] : []), ...dropped];
  if (names.length > 0) kept.push([HEADERS.dropped, oneLine(names.join(', '), MAX_MARKER)]);
  return { ...fitting, userId: properties.userId ?? '', headers: Object.fromEntries(kept) };
}

/** Whether AMQP 0-9-1 can carry the message. */
export function isEncodable({ routingKey, properties: { headers = {}, ...properties } }: OutgoingMessage): boolean {
  const dropped: string[] = [];
  fittingProperties(properties, dropped);
  const size = valueSize(headers, 0);
  return dropped.length === 0 && isShort(routingKey) && size !== undefined && size <= MAX_ENCODED_BYTES;
}

/** Whether AMQP 0-9-1 can carry the text as a property or a routing key. */
export function isShort(text: string): boolean {
  return text.length * 3 <= MAX_SHORT_BYTES || Buffer.byteLength(text) <= MAX_SHORT_BYTES;
}

/** RabbitMQ's own accounts (x-death and the like) are not for clients to send. */
function isBrokers(name: string): boolean {
  return /^x-(?:first-|last-)?death/.test(name) || name === 'x-delivery-count';
}

function fittingProperties(properties: Omit<MessageProperties, 'headers'>, dropped: string[]) {
  const { timestamp, ...texts } = properties;
  const fitting: MessageProperties = {};
  for (const [name, text] of Object.entries(texts) as [keyof typeof texts, string | undefined][]) {
    if (text === undefined) continue;
    if (isShort(text)) fitting[name] = text;
    else dropped.push(`${name} (property)`);
  }
  if (timestamp !== undefined) {
    if (Number.isSafeInteger(timestamp) && timestamp >= 0) fitting.timestamp = timestamp;
    else dropped.push('timestamp (property)');
  }
  return fitting;
}

/** Bytes of a field of a table; undefined where it cannot be encoded. */
function fieldSize(name: string, value: FieldValue, depth = 1): number | undefined {
  const size = valueSize(value, depth);
  return size === undefined || !isShort(name) ? undefined : 1 + Buffer.byteLength(name) + size;
}

/** An upper bound of the bytes of a value with its type, as amqplib writes it; undefined where it cannot. What arrived as a
 *  timestamp or a decimal is an object with the fields `!` and `value`. */
function valueSize(value: unknown, depth: number): number | undefined {
  if (depth > MAX_DEPTH) return undefined;
  if (typeof value === 'string') return 5 + Buffer.byteLength(value);
  if (typeof value === 'number') return isEncodableNumber(value) ? 9 : undefined;
  if (typeof value === 'boolean') return 2;
  if (value === null) return 1;
  if (typeof value !== 'object') return undefined;
  if (Buffer.isBuffer(value)) return 5 + value.length;
  if (Array.isArray(value)) return sum(value, (element) => valueSize(element, depth + 1));
  if (Object.hasOwn(value, '!')) return typedSize(value as Fields);
  return sum(Object.entries(value as Fields), ([name, field]) => fieldSize(name, field, depth + 1));
}

function typedSize({ '!': type, value }: Fields): number | undefined {
  if (type === 'timestamp') return Number.isSafeInteger(value) && Number(value) >= 0 ? 9 : undefined;
  if (type !== 'decimal' || typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const isUnsigned = (field: FieldValue | undefined, most: number) =>
    typeof field === 'number' && Number.isInteger(field) && field >= 0 && field <= most;
  return isUnsigned(value['places'], 255) && isUnsigned(value['digits'], 2 ** 32 - 1) ? 6 : undefined;
}

/** amqplib writes numbers of 2^50 and more as integers, and fails on those that are not. */
function isEncodableNumber(value: number): boolean {
  if (!Number.isFinite(value) || value < -(2 ** 63)) return false;
  return Number.isInteger(value) || Math.abs(value) < 2 ** 50;
}

/** Of the content of an array or a table. */
function sum<T>(elements: readonly T[], size: (element: T) => number | undefined): number | undefined {
  let total = 5;
  for (const element of elements) {
    const bytes = size(element);
    if (bytes === undefined) return undefined;
    total += bytes;
  }
  return total;
}
