import type { Store } from '../../store/store.js';
import type { KafkaClient } from '../client/kafka-client.js';
import { positionsTopic, withAdmin } from '../topics/plan-topics.js';
import { BEFORE_ALL, eventAt, offsetAt, sinkGroup } from './sink-position.js';

/** The position of a sink, as Kafka has it. */
export interface KafkaPosition {
  /** Undefined if Kafka has none. */
  position: number | undefined;
  /** The id of the store, a blank, and the id of the event there. */
  metadata: string;
}

/** Reads the position of the sink of a service. Rejects with a `kafka.*` error. */
export async function kafkaPosition(client: KafkaClient, prefix: string, service: string): Promise<KafkaPosition> {
  const found = await withAdmin(client, (admin) =>
    admin.groupOffset(sinkGroup(prefix, service), positionsTopic(prefix), 0),
  );
  return { position: found?.offset, metadata: found?.metadata ?? '' };
}

/** Sets the position up to which the store counts as published: the sink continues behind it. Fences a running sink, which
 *  then reads the new position. Resolves with false, without a change, if the store has no event there. Rejects with a
 *  `kafka.*` error. */
export async function setKafkaPosition(
  client: KafkaClient,
  prefix: string,
  store: Store,
  position: number,
): Promise<boolean> {
  const event = position === 0 ? BEFORE_ALL.event : await eventAt(store, position);
  if (event === undefined) return false;
  const group = sinkGroup(prefix, store.service);
  const producer = client.transactionalProducer(group);
  try {
    await producer.connect();
    await producer.commit(offsetAt({ group, topic: positionsTopic(prefix) }, store, { position, event }));
    return true;
  } finally {
    await producer.disconnect().catch(() => undefined);
  }
}
