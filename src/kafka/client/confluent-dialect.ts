import { FlotillaError } from '../../errors.js';
import type { ConsumerHandlers, ConsumerOptions } from './kafka-client.js';
import type { ConsumerWatch, Dialect, TransactionOffsets } from './dialect.js';
import { kafkaError } from './kafka-error.js';
import type { ShapeBatchPayload, ShapeConsumer, ShapeKafka } from './kafkajs-shape.js';
import { PartitionEnds } from './partition-ends.js';

/** The client inside of each part of `@confluentinc/kafka-javascript`, with the interface of node-rdkafka. The one of
 *  KafkaJS has neither metadata for offsets of a transaction nor the ends of partitions. */
interface InnerClient {
  seek(at: { topic: string; partition: number; offset: number }, ...rest: unknown[]): unknown;
  on(event: string, listener: (event: InnerEvent) => void): unknown;
  sendOffsetsToTransaction(
    offsets: readonly { topic: string; partition: number; offset: number; metadata: string }[],
    consumer: InnerClient,
    done: (error: unknown) => void,
  ): void;
}

/** A record, the end of a partition, or an error. */
interface InnerEvent {
  topic: string;
  partition: number;
  offset: number;
  code?: number;
}

function innerClientOf(part: object): InnerClient {
  const get: unknown = Reflect.get(part, '_getInternalClient');
  if (typeof get === 'function') return get.call(part) as InnerClient;
  throw new FlotillaError('config.invalid', 'KAFKA_CLIENT: needs version 1.10.1 of @confluentinc/kafka-javascript');
}

/** Milliseconds after which librdkafka gives up a record. */
const DELIVERY_LIMIT_MS = 30_000;
/** Milliseconds after which a missing topic is an error. */
const TOPIC_LIMIT_MS = 1_000;
/** Milliseconds for a request of a committed offset. */
const COMMITTED_LIMIT_MS = 10_000;
/** Limits what a consumer keeps in memory. */
const QUEUED_KIB = 16_384;
/** Records in one batch. */
const BATCH_SIZE = 1_000;

/** `@confluentinc/kafka-javascript`. Throws `config.invalid` for a version without what is used of it. */
export function confluentDialect(kafka: ShapeKafka): Dialect {
  innerClientOf(kafka.producer({}));
  return {
    producer: ({ maxInFlightRequests, ...options }) => ({
      kafkaJS: { ...options, acks: -1 },
      // that of Java
      partitioner: 'murmur2_random',
      'max.in.flight': maxInFlightRequests,
      'message.timeout.ms': DELIVERY_LIMIT_MS,
      'topic.metadata.propagation.max.ms': TOPIC_LIMIT_MS,
    }),
    consumer: watchOf,
    subscription: () => ({}),
    run: () => ({ eachBatchAutoResolve: false }),
    send: ({ topic, messages }) => ({ topic, messages: [...messages] }),
    topics: {},
    groupOffset: (_, group, topic, partition) => groupOffset(kafka, group, topic, partition),
    offsetsOf: (group) => offsetsOf(kafka, group),
  };
}

/** With a consumer: an admin client of librdkafka 2.15 ends the process with a segmentation fault if the broker has just
 *  become the coordinator of the group. */
async function groupOffset(kafka: ShapeKafka, group: string, topic: string, partition: number) {
  const consumer = kafka.consumer(bareConsumer(group));
  await consumer.connect();
  try {
    return await committedOf(consumer, topic, partition);
  } finally {
    await consumer.disconnect();
  }
}

/** The package returns null for the offset 0 and where there is none; only one of these can have metadata. */
async function committedOf(consumer: ShapeConsumer, topic: string, partition: number) {
  const [found] = await consumer.committed([{ topic, partition }], COMMITTED_LIMIT_MS);
  if (found === undefined || (found.offset === null && !found.metadata)) return undefined;
  return { ...found, offset: found.offset ?? '0' };
}

/** A consumer that is no member of its group. */
function bareConsumer(groupId: string) {
  return { kafkaJS: { groupId, autoCommit: false, readUncommitted: false, allowAutoTopicCreation: false } };
}

/** librdkafka takes the group from a consumer, which need not be subscribed. */
async function offsetsOf(kafka: ShapeKafka, group: string): Promise<TransactionOffsets> {
  const consumer = kafka.consumer(bareConsumer(group));
  await consumer.connect();
  return {
    send: (transaction, { topic, partition, offset, metadata }) =>
      new Promise<void>((resolve, reject) => {
        const offsets = [{ topic, partition, offset, metadata }];
        innerClientOf(transaction).sendOffsetsToTransaction(offsets, innerClientOf(consumer), (error) =>
          error ? reject(kafkaError(error)) : resolve(),
        );
      }),
    close: () => consumer.disconnect(),
  };
}

/** librdkafka reconnects by itself after these errors; others end the consumer. */
const TRANSIENT = new Set([-195, -193, -192, -185]); // transport, resolve, message timeout, timeout

function watchOf({ group, fromBeginning, sessionTimeout, topics }: ConsumerOptions): ConsumerWatch {
  let ends: PartitionEnds | undefined;
  let handlers: ConsumerHandlers | undefined;
  const begin = async (consumer: ShapeConsumer, given: ConsumerHandlers) => {
    await requireTopics(consumer, topics);
    handlers = given;
    const { onSkipped = () => undefined, onCrash } = given;
    ends = new PartitionEnds({ onSkipped, startOf: (...at) => startOf(consumer, fromBeginning, ...at) });
    listen(innerClientOf(consumer), ends, onCrash);
  };
  return {
    options: {
      kafkaJS: {
        groupId: group,
        fromBeginning,
        sessionTimeout,
        heartbeatInterval: Math.floor(sessionTimeout / 3),
        allowAutoTopicCreation: false,
        autoCommit: false,
        readUncommitted: false,
      },
      'enable.partition.eof': true,
      'queued.max.messages.kbytes': QUEUED_KIB,
      'js.consumer.max.batch.size': BATCH_SIZE,
      rebalance_cb: () => {
        ends?.clear();
        handlers?.onRebalance();
      },
    },
    begin,
    lastOffset: (batch) => ends?.lastOffset(batch.topic, batch.partition, lastOf(batch)) ?? lastOf(batch),
    processed: (batch) => ends?.processed(batch.topic, batch.partition, lastOf(batch)),
  };
}

function listen(inner: InnerClient, ends: PartitionEnds, onCrash: ConsumerHandlers['onCrash']): void {
  inner.on('data', ({ topic, partition, offset }) => ends.delivered(topic, partition, BigInt(offset)));
  inner.on('partition.eof', ({ topic, partition, offset }) => ends.reached(topic, partition, BigInt(offset)));
  inner.on('event.error', (error) => {
    if (!TRANSIENT.has(error.code ?? 0)) onCrash(kafkaError(error));
  });
  // the package seeks later than it is told to: until then, records from the former offset arrive
  const seek = inner.seek.bind(inner);
  inner.seek = (at, ...rest) => {
    ends.sought(at.topic, at.partition, BigInt(at.offset));
    return seek(at, ...rest);
  };
}

/** Where the consumer began to read a partition from which it has received no record. */
async function startOf(
  consumer: ShapeConsumer,
  fromBeginning: boolean,
  topic: string,
  partition: number,
): Promise<bigint | undefined> {
  const found = await committedOf(consumer, topic, partition);
  if (found !== undefined && Number(found.offset) >= 0) return BigInt(found.offset);
  return fromBeginning ? 0n : undefined;
}

function lastOf(batch: ShapeBatchPayload['batch']): bigint {
  return BigInt(batch.lastOffset());
}

/** librdkafka waits for a missing topic without a word. */
async function requireTopics(consumer: ShapeConsumer, topics: readonly string[]): Promise<void> {
  const admin = consumer.dependentAdmin();
  await admin.connect();
  try {
    await admin.fetchTopicMetadata({ topics: [...topics] });
  } finally {
    await admin.disconnect();
  }
}
