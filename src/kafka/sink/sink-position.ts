import { FlotillaError } from '../../errors.js';
import type { Store } from '../../store/store.js';
import type { GroupOffset, KafkaAdmin } from '../client/kafka-client.js';

/** Where a sink keeps its position: as the committed offset of a group. */
export interface PositionPlace {
  group: string;
  topic: string;
}

/** Names of the sink of a service in Kafka: its group and its transactional id are the same. */
export function sinkGroup(prefix: string, service: string): string {
  return `${prefix}flotilla-sink-${service}`;
}

/** The checkpoint in the store that shows that its sink has begun: one more than a position that Kafka has or had. It
 *  lags behind the position in Kafka, and is moved only after that. */
export const SINK_CHECKPOINT = 'kafka-sink';

/** The offset for a position. Its metadata name the store and the event, so that a restored or another store is
 *  detected. */
export function offsetAt({ group, topic }: PositionPlace, store: Pick<Store, 'id'>, at: SinkPosition): GroupOffset {
  return { group, topic, partition: 0, offset: at.position, metadata: `${store.id} ${at.event}` };
}

/** A position of the store, with the id of the event there; `-` at position 0. */
export interface SinkPosition {
  position: number;
  event: string;
}

export const BEFORE_ALL: SinkPosition = { position: 0, event: '-' };

/** Reads the position up to which Kafka has the store's events; undefined for a new sink. Rejects with `kafka.position_lost` if
 *  Kafka has none although the sink has published, and with `kafka.other_store` if the store does not have the event
 *  at the position. */
export async function readPosition(
  admin: KafkaAdmin,
  place: PositionPlace,
  store: Store,
): Promise<SinkPosition | undefined> {
  const found = await admin.groupOffset(place.group, place.topic, 0);
  if (found === undefined) {
    const checkpoint = await store.checkpoint(SINK_CHECKPOINT);
    if (checkpoint === 0) return undefined;
    const detail = `the group ${place.group} has no offset; events up to ${checkpoint - 1} or later are published`;
    throw new FlotillaError('kafka.position_lost', detail);
  }
  const [storeId, event = ''] = found.metadata.split(' ');
  const position = { position: found.offset, event };
  if (storeId !== store.id) {
    throw new FlotillaError('kafka.other_store', `position ${found.offset} is that of store ${storeId || 'unknown'}`);
  }
  if (found.offset > 0 && (await eventAt(store, found.offset)) !== event) {
    throw new FlotillaError('kafka.other_store', `the store does not have the event ${event} at ${found.offset}`);
  }
  return position;
}

/** Returns the id of the event at a position; undefined if there is none. */
export async function eventAt(store: Pick<Store, 'readAll'>, position: number): Promise<string | undefined> {
  const [event] = await store.readAll(position - 1, 1);
  return event?.position === position ? event.id : undefined;
}
