import { FlotillaError } from '../errors.js';
import { describeIssues } from './create.js';
import { CLOUDEVENTS_JSON, type EventEnvelope } from './envelope.js';
import { envelope, isPlainEnvelope, MAX_TIME_LENGTH } from './envelope-schema.js';
import { parseJson, textOf } from './parse-json.js';
import { isTextLine } from './text-line.js';

/** The parts of a message from which an event is read. */
export interface EncodedEvent {
  /** UTF-8, or a text. */
  readonly body: Uint8Array | string;
  readonly properties: {
    readonly contentType?: string | undefined;
    /** Seconds since the epoch. */
    readonly timestamp?: number | undefined;
    readonly headers?: Readonly<Record<string, unknown>>;
  };
}

/** Maximum size of a body, in bytes. */
export const MAX_BODY_BYTES = 1024 * 1024;

/** Maximum length of extension attribute names. CloudEvents recommends 20 characters. */
const MAX_NAME_LENGTH = 100;

/**
 * Reads the envelope of a message without checking its data. In structured mode the body contains the whole event, in
 * binary mode headers contain the attributes. Some absent attributes are derived, with the same result for every
 * delivery: `time` from the property `timestamp`, `subject` as `event/<id>`, `correlationid` as the id. An absent
 * `dataschema` stays empty. Throws `contract.content_type`, `contract.too_large`, `contract.not_json`, or
 * `contract.not_an_event` with the name of the attribute.
 * Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/amqp-protocol-binding.md
 */
export function parseEnvelope({ body, properties }: EncodedEvent): EventEnvelope {
  const { contentType, timestamp, headers = {} } = properties;
  const structured = isStructured(contentType);
  const attributes = structured ? undefined : binaryAttributes(headers);
  if (attributes === undefined && contentType !== undefined && !structured) {
    throw new FlotillaError('contract.content_type', JSON.stringify(contentType.slice(0, 100)));
  }
  if (attributes !== undefined) requireJson(contentType, 'the content type');
  const bytes = typeof body === 'string' ? Buffer.byteLength(body) : body.length;
  if (bytes > MAX_BODY_BYTES) {
    throw new FlotillaError('contract.too_large', `${bytes} bytes, at most ${MAX_BODY_BYTES}`);
  }
  const given = attributes === undefined ? structuredEvent(parseJson(body)) : { ...attributes, data: dataIn(body) };
  const { time = timeOf(timestamp), ...parsed } = isPlainEnvelope(given) ? given : checkedEnvelope(given);
  requireJson(parsed.datacontenttype, 'datacontenttype');
  return {
    dataschema: '',
    correlationid: parsed.id,
    subject: `event/${parsed.id}`,
    data: undefined,
    ...parsed,
    time,
    datacontenttype: 'application/json',
  };
}

function checkedEnvelope(given: unknown) {
  const { success, data, error } = envelope.safeParse(given);
  if (!success) throw new FlotillaError('contract.not_an_event', describeIssues(error.issues));
  const name = Object.keys(data).find(
    (key) => !Object.hasOwn(envelope.shape, key) && !isTextLine(key, MAX_NAME_LENGTH),
  );
  if (name === undefined) return data;
  throw new FlotillaError('contract.not_an_event', `attribute ${JSON.stringify(name.slice(0, 100))}: not a name`);
}

/** Returns the event in structured mode: the received body, unless it contains only the data. */
export function structuredBody({ body, properties }: EncodedEvent, event: EventEnvelope): string {
  const { contentType, headers = {} } = properties;
  if (isStructured(contentType) || binaryAttributes(headers) === undefined) return textOf(body);
  const { dataschema, ...attributes } = event;
  return JSON.stringify({ ...attributes, ...(dataschema !== '' && { dataschema }) });
}

function isStructured(contentType: string | undefined): boolean {
  return contentType === CLOUDEVENTS_JSON || mediaType(contentType) === CLOUDEVENTS_JSON;
}

function mediaType(contentType = ''): string {
  return contentType.replace(/;.*/s, '').trim().toLowerCase();
}

function requireJson(contentType: string | undefined, what: string): void {
  if (contentType === undefined || contentType === 'application/json') return;
  const type = mediaType(contentType);
  if (type === 'application/json' || type.endsWith('+json')) return;
  throw new FlotillaError('contract.content_type', `${what} ${JSON.stringify(type.slice(0, 100))} is not JSON`);
}

/** Header prefixes of the CloudEvents AMQP 1.0 binding and of Knative. */
const PREFIXES = ['cloudEvents:', 'cloudEvents_', 'ce-'];

/** Whether a header contains an event attribute in binary mode. */
export function isAttributeHeader(name: string): boolean {
  return PREFIXES.some((prefix) => name.startsWith(prefix));
}

/** Returns the attributes in the headers; undefined unless the message is in binary mode. */
function binaryAttributes(headers: Readonly<Record<string, unknown>>): Record<string, unknown> | undefined {
  const prefix = PREFIXES.find((each) => Object.hasOwn(headers, `${each}specversion`));
  if (prefix === undefined) return undefined;
  const attributes: Record<string, unknown> = {};
  for (const [header, value] of Object.entries(headers)) {
    const name = header.startsWith(prefix) ? header.slice(prefix.length) : '';
    const text = attributeText(value);
    if (/^[a-z0-9]{1,64}$/.test(name) && name !== 'data' && text !== undefined) attributes[name] = text;
  }
  return withTime(attributes);
}

/** Converts to text: clients in other languages send numbers, booleans and times in native types. Undefined for a header
 *  without a value, whose attribute is absent. */
function attributeText(value: unknown): unknown {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (typeof value !== 'object' || value === null) return value ?? undefined;
  const { '!': type, value: seconds } = value as Record<string, unknown>;
  return type === 'timestamp' && typeof seconds === 'number' ? isoTime(seconds) : value;
}

/** Removes attributes that are null: null means absent. `readablefrom` becomes text. */
function structuredEvent(json: unknown): unknown {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return json;
  const event = json as Record<string, unknown>;
  for (const name of Object.keys(event)) if (event[name] === null && name !== 'data') delete event[name];
  // an attribute of the type Integer is a number in JSON
  if (typeof event['readablefrom'] === 'number') event['readablefrom'] = String(event['readablefrom']);
  if (typeof event['data_base64'] !== 'string') return withTime(event);
  const { data_base64: encoded, ...rest } = event;
  if (rest['data'] !== undefined)
    throw new FlotillaError('contract.not_an_event', 'data and data_base64: only one may be set');
  return withTime({ ...rest, data: dataIn(Buffer.from(String(encoded), 'base64')) });
}

function dataIn(body: Uint8Array | string): unknown {
  return body.length === 0 ? undefined : parseJson(body);
}

const TIME = /^(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}):(\d{2})(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;

/** Normalizes an RFC 3339 time: `T` and `Z` in capitals, a leap second as the millisecond before it. */
function withTime(attributes: Record<string, unknown>): Record<string, unknown> {
  const { time } = attributes;
  if (typeof time !== 'string' || time.length > MAX_TIME_LENGTH) return attributes;
  const [, date, minute, second, fraction = '', zone] = TIME.exec(time) ?? [];
  if (date === undefined || zone === undefined) return attributes;
  const exact = second === '60' ? '59.999' : `${second ?? ''}${fraction}`;
  attributes['time'] = `${date}T${minute ?? ''}:${exact}${zone.toUpperCase()}`;
  return attributes;
}

/** The time of receipt is no substitute: it differs between deliveries, and ids are derived from the event. */
function timeOf(timestamp: number | undefined): string {
  const time = timestamp === undefined ? undefined : isoTime(timestamp);
  if (time !== undefined) return time;
  throw new FlotillaError('contract.not_an_event', 'time: missing; send it, or the AMQP property timestamp');
}

/** Undefined beyond the four-digit years of RFC 3339. */
function isoTime(seconds: number): string | undefined {
  return seconds >= 0 && seconds < 253_402_300_800 ? new Date(seconds * 1000).toISOString() : undefined;
}
