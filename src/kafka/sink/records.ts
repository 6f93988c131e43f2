import { CLOUDEVENTS_JSON } from '../../events/envelope.js';
import type { StoredEvent } from '../../store/stored-event.js';
import type { KafkaRecord, TopicRecords } from '../client/kafka-client.js';

/** The header with the position of the event in its store: with the attribute `source`, it identifies the event. */
export const POSITION_HEADER = 'flotilla-position';

/** What the key of a record is: it decides about the partition. With `'subject'` (default), the events of a subject stay
 *  in order; with `'id'`, they are spread evenly and not ordered. */
export type RecordKey = 'subject' | 'id';

/** Creates the record of an event: the stored body, byte for byte, in the structured mode of CloudEvents.
 *  Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md */
export function recordOf(event: StoredEvent, key: RecordKey): KafkaRecord {
  return {
    key: key === 'id' ? event.id : event.stream,
    value: event.body,
    headers: { 'content-type': CLOUDEVENTS_JSON, [POSITION_HEADER]: String(event.position) },
  };
}

/** A client writes the records of one send and partition as one batch, and the default of `max.message.bytes` limits a
 *  batch to 1 MiB: a send has less than that, or one record. */
const MAX_SEND_BYTES = 900 * 1024;
/** The headers and lengths of a record. */
const RECORD_OVERHEAD = 120;

/** Groups the events into sends, in the order of positions within each topic. Skips events without a topic. */
export function sendsOf(
  events: readonly StoredEvent[],
  options: { topicOf: (type: string) => string | undefined; key: RecordKey },
): TopicRecords[] {
  const sends: TopicRecords[] = [];
  const open = new Map<string, { messages: KafkaRecord[]; bytes: number }>();
  for (const event of events) {
    const topic = options.topicOf(event.type);
    if (topic === undefined) continue;
    const bytes = Buffer.byteLength(event.body) + event.stream.length + RECORD_OVERHEAD;
    let send = open.get(topic);
    if (send === undefined || send.bytes + bytes > MAX_SEND_BYTES) {
      send = { messages: [], bytes: 0 };
      open.set(topic, send);
      sends.push({ topic, messages: send.messages });
    }
    send.messages.push(recordOf(event, options.key));
    send.bytes += bytes;
  }
  return sends;
}
