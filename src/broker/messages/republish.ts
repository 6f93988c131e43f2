import { isAttributeHeader } from '../../events/parse-envelope.js';
import { oneLine } from '../../events/text-line.js';
import type { MessageProperties, OutgoingMessage } from '../broker.js';
import type { Fields, FieldValue } from './amqp-fields.js';
import { HEADERS } from './headers.js';

/** The maximum size that amqplib encodes. */
const MAX_ENCODED_BYTES = 65_536;
/** Maximum size of the headers of a republished message; the broker adds its own. */
const MAX_HEADER_BYTES = 48 * 1024;
/** Deeper than any real header; bounds the recursion. */
const MAX_DEPTH = 16;
/** Properties, header names and routing keys are short strings in AMQP 0-9-1. */
const MAX_SHORT_BYTES = 255;
const MAX_MARKER_LENGTH = 500;

/** These headers add routing keys: if they were kept, each retry and replay would multiply the message. */
const ROUTING: ReadonlySet<string> = new Set(['CC', 'BCC']);
const OWN: ReadonlySet<string> = new Set(Object.values(HEADERS));

/**
 * Returns the properties for republishing a message, by a retry, a dead letter or a replay. Headers are kept in this
 * order, as far as they fit: `own`, the fleet's, event attributes in binary mode, others. `CC`, `BCC` and the broker's
 * death records are removed. The header `flotilla-dropped` names other dropped headers and properties. The result can
 * always be encoded. `userId` names the user from which the message was received; the publisher replaces it.
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
  let left = MAX_HEADER_BYTES - 4 * MAX_MARKER_LENGTH;
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
  if (names.length > 0) kept.push([HEADERS.dropped, oneLine(names.join(', '), MAX_MARKER_LENGTH)]);
  return { ...fitting, userId: properties.userId ?? '', headers: Object.fromEntries(kept) };
}

/** Whether AMQP 0-9-1 can encode the message. */
export function isEncodable({ routingKey, properties: { headers = {}, ...properties } }: OutgoingMessage): boolean {
  const dropped: string[] = [];
  fittingProperties(properties, dropped);
  const size = valueSize(headers, 0);
  return dropped.length === 0 && isShort(routingKey) && size !== undefined && size <= MAX_ENCODED_BYTES;
}

/** Whether AMQP 0-9-1 can encode the text as a property or a routing key. */
export function isShort(text: string): boolean {
  return text.length * 3 <= MAX_SHORT_BYTES || Buffer.byteLength(text) <= MAX_SHORT_BYTES;
}

/** Whether only RabbitMQ writes the header (x-death and the like); clients must not send it. */
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

/** Returns the size of a table field in bytes; undefined if it cannot be encoded. */
function fieldSize(name: string, value: FieldValue, depth = 1): number | undefined {
  const size = valueSize(value, depth);
  return size === undefined || !isShort(name) ? undefined : 1 + Buffer.byteLength(name) + size;
}

/** Returns an upper bound of a value's encoded size in bytes, including its type; undefined if amqplib cannot encode
 *  it. Received timestamps and decimals are objects with the fields `!` and `value`. */
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

/** amqplib encodes numbers of 2^50 and more as integers, and fails if they are not. */
function isEncodableNumber(value: number): boolean {
  if (!Number.isFinite(value) || value < -(2 ** 63)) return false;
  return Number.isInteger(value) || Math.abs(value) < 2 ** 50;
}

/** Sums the sizes of the elements of an array or a table. */
function sum<T>(elements: readonly T[], size: (element: T) => number | undefined): number | undefined {
  let total = 5;
  for (const element of elements) {
    const bytes = size(element);
    if (bytes === undefined) return undefined;
    total += bytes;
  }
  return total;
}
