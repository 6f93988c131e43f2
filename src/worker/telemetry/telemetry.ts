import { createHash } from 'node:crypto';
import type { Delivery } from '../../broker/broker.js';
import { HEADERS, textHeader } from '../../broker/messages/headers.js';
import { FlotillaError } from '../../errors.js';
import { dataschemaOf, type Definitions } from '../../events/definitions.js';
import type { EventEnvelope } from '../../events/envelope.js';
import { derivedId } from '../../events/ids.js';
import { MAX_BODY_BYTES } from '../../events/parse-envelope.js';
import { parseJson } from '../../events/parse-json.js';
import { deviceIn } from './topics.js';

/** A message of a device. */
export interface TelemetryMessage {
  /** The id of the device, from the topic. */
  readonly device: string;
  /** The topic as declared: `sensors/{device}/readings`. */
  readonly topic: string;
  readonly body: Uint8Array;
  /** Returns the body as JSON. Throws `contract.not_json`. */
  readonly json: () => unknown;
}

/** The message of the fleet that a message of a device becomes. */
export interface TelemetryResult<Type extends string = string, Data = unknown> {
  /** A type that the worker handles, declared with `fromOutside(…, 'telemetry')`. */
  type: Type;
  data: Data;
  /** Messages with the same id are handled once. @default derived from topic and body, so that a message which a device
   *  sends again is handled once */
  id?: string;
}

/** See `WorkerOptions.telemetry`. */
export interface Telemetry {
  readonly topics: readonly string[];
  readonly replies: readonly string[];
  readonly read: (message: TelemetryMessage) => TelemetryResult;
}

/** The `source` of messages of devices. */
export const TELEMETRY_SOURCE = 'telemetry';

/** Returns the event that a message of a device becomes; undefined for a message of the fleet. Retried and replayed
 *  messages have the name of their first exchange in a header. Throws `contract.too_large`, `contract.foreign_topic`, or what
 *  `read` throws. */
export function readTelemetry(
  { topics, read }: Telemetry,
  delivery: Pick<Delivery, 'exchange' | 'routingKey' | 'body' | 'properties'>,
  { exchange, definitions, now }: { exchange: string; definitions: Definitions; now: () => number },
): EventEnvelope | undefined {
  const { body, properties } = delivery;
  const isDirect = delivery.exchange === exchange;
  if (!isDirect && textHeader(properties.headers, HEADERS.exchange) !== exchange) return undefined;
  const key = isDirect ? delivery.routingKey : (textHeader(properties.headers, HEADERS.routingKey) ?? '');
  const found = deviceIn(topics, key);
  if (found === undefined) throw new FlotillaError('contract.foreign_topic', JSON.stringify(key.slice(0, 100)));
  if (body.length > MAX_BODY_BYTES) {
    throw new FlotillaError('contract.too_large', `${body.length} bytes, at most ${MAX_BODY_BYTES}`);
  }
  const { type, data, id = idOf(key, body) } = read({ ...found, body, json: () => parseJson(body) });
  const definition = definitions[type];
  if (definition === undefined) throw new FlotillaError('contract.unknown_type', type);
  return {
    specversion: '1.0',
    id,
    source: TELEMETRY_SOURCE,
    type,
    subject: `device/${found.device}`,
    time: new Date(now()).toISOString(),
    datacontenttype: 'application/json',
    dataschema: dataschemaOf(type, definition.latest),
    correlationid: id,
    data,
  };
}

/** A device that receives no acknowledgement sends the same body again. */
function idOf(routingKey: string, body: Uint8Array): string {
  return derivedId(0, TELEMETRY_SOURCE, routingKey, createHash('sha256').update(body).digest('hex'));
}
