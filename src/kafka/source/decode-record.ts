import { FlotillaError } from '../../errors.js';
import { decodeEvent } from '../../events/decode.js';
import type { Definitions } from '../../events/definitions.js';
import type { EventEnvelope, UnsequencedEvent } from '../../events/envelope.js';
import type { EncodedEvent } from '../../events/parse-envelope.js';
import { matchesType } from '../../events/handler-types.js';
import type { DeriveId } from '../../events/ids.js';
import type { ConsumedRecord } from '../client/kafka-client.js';

type RecordContent = Pick<ConsumedRecord, 'value' | 'timestamp' | 'headers'>;

/** Decodes a record as an event of the catalogue. Throws a `contract.*` error that names the problem. */
export function decodeRecord(definitions: Definitions, record: RecordContent): EventEnvelope {
  return decodeEvent(definitions, encodedEvent(record));
}

/** Returns the message of a record. In structured mode the value contains the event, in binary mode the headers `ce_…`
 *  contain its attributes. Throws `contract.not_an_event` for a record without a value.
 *  Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md */
export function encodedEvent({ value, timestamp, headers }: RecordContent): EncodedEvent {
  if (value === null) throw new FlotillaError('contract.not_an_event', 'the record has no value');
  const attributes = Object.entries(headers).map(([name, text]) => [name.replace(/^ce_/, 'ce-'), text]);
  return {
    body: value,
    properties: {
      contentType: headers['content-type'],
      timestamp: timestamp / 1000,
      headers: Object.fromEntries(attributes) as Record<string, string>,
    },
  };
}

/** Throws `kafka.type_not_accepted` unless one of the patterns matches the type. Wildcards match events only. */
export function requireAccepted(types: readonly string[], definitions: Definitions, type: string): void {
  if (types.some((pattern) => matchesType(definitions, pattern, type))) return;
  throw new FlotillaError('kafka.type_not_accepted', type);
}

/** The event that a source appends for a foreign one: an event of this service, caused by the foreign one. Its id is
 *  derived from the source and id of the foreign event, so that a record that a producer repeats is stored once. */
export function adoptEvent(event: EventEnvelope, service: string, deriveId: DeriveId): UnsequencedEvent {
  const { sequence: _, ...rest } = event;
  return {
    ...rest,
    id: deriveId(Date.parse(event.time), 'kafka', service, event.source, event.id),
    source: service,
    causationid: event.id,
  };
}
