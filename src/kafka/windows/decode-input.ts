import { FlotillaError } from '../../errors.js';
import type { EventEnvelope } from '../../events/envelope.js';
import { parseEnvelope } from '../../events/parse-envelope.js';
import type { WindowsDefinition } from '../../windows/definition.js';
import type { ArrivingEvent } from '../../windows/engine/arriving-event.js';
import { arrivingEvent } from '../../windows/reader/arriving-event.js';
import type { Failures } from '../../windows/engine/failures.js';
import type { ConsumedRecord } from '../client/kafka-client.js';
import { encodedEvent } from '../source/decode-record.js';
import type { ConsumedPartition } from '../source/offset-table.js';
import { partitionName } from './read-positions.js';

/** Reads a record as an event of the definition; undefined for an event of another type. A record that is no event is
 *  refused: its id is its place. */
export function decodeInput(
  definition: WindowsDefinition,
  { topic, partition }: ConsumedPartition,
  record: ConsumedRecord,
  failures: Failures,
): ArrivingEvent | undefined {
  const name = partitionName(topic, partition);
  let envelope: EventEnvelope;
  try {
    envelope = parseEnvelope(encodedEvent(record));
  } catch (error) {
    if (!(error instanceof FlotillaError)) throw error;
    const { code, message } = error;
    const place = { id: `${name}/${record.offset}`, source: topic };
    const input = { ...place, part: '', type: '-', key: '', time: record.timestamp, event: undefined };
    return { ...place, parts: [{ input: { ...input, fold: (state) => state }, refusal: { code, message } }] };
  }
  if (!definition.foldOf.has(envelope.type)) return undefined;
  const event = arrivingEvent(definition, envelope, failures);
  for (const { input } of event.parts) input.partition = name;
  return event;
}
