import { sleep } from '../../concurrency/sleep.js';
import { hasCode } from '../../errors.js';
import type {
  ConsumedBatch,
  ConsumedRecord,
  ConsumerHandlers,
  ConsumerOptions,
  GroupOffset,
  KafkaAdmin,
  KafkaClient,
  KafkaConsumer,
  TopicRecords,
  TransactionalProducer,
} from './kafka-client.js';
import type { Dialect, TransactionOffsets } from './dialect.js';
import { kafkaError } from './kafka-error.js';
import type { ShapeBatchPayload, ShapeKafka, ShapeMessage, ShapeTransaction } from './kafkajs-shape.js';

/** Makes a client of a library with the interface of KafkaJS. Every rejection is a `kafka.*` error. */
export function clientOf(kafka: ShapeKafka, dialect: Dialect): KafkaClient {
  return {
    admin: () => adminOf(kafka, dialect),
    producer() {
      const producer = kafka.producer(dialect.producer({ ...PRODUCER }));
      return {
        connect: () => checked(producer.connect()),
        disconnect: () => checked(producer.disconnect()),
        send: async (records) => void (await checked(producer.send(dialect.send(records)))),
      };
    },
    transactionalProducer: (transactionalId) => transactionalProducerOf(kafka, dialect, transactionalId),
    consumer: (options) => consumerOf(kafka, dialect, options),
  };
}

async function checked<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw kafkaError(error);
  }
}

/** A topic that is created by accident would have another number of partitions. */
const PRODUCER = { idempotent: true, maxInFlightRequests: 1, allowAutoTopicCreation: false };

/** Milliseconds after which the broker aborts a transaction whose producer has vanished. */
const TRANSACTION_TIMEOUT_MS = 60_000;

function transactionalProducerOf(kafka: ShapeKafka, dialect: Dialect, transactionalId: string): TransactionalProducer {
  const producer = kafka.producer(
    dialect.producer({
      transactionalId,
      transactionTimeout: TRANSACTION_TIMEOUT_MS,
      ...PRODUCER,
    }),
  );
  let offsets: TransactionOffsets | undefined;
  let current: ShapeTransaction | undefined;
  const send = async (records: TopicRecords) => {
    current ??= await producer.transaction();
    await current.send(dialect.send(records));
  };
  const commit = async (offset: GroupOffset) => {
    offsets ??= await dialect.offsetsOf(offset.group);
    current ??= await producer.transaction();
    await offsets.send(current, offset);
    await current.commit();
    current = undefined;
  };
  // KafkaJS fences earlier producers with its first transaction, not when it connects
  const connect = async () => {
    await producer.connect();
    current = await producer.transaction();
  };
  return {
    connect: () => checked(connect()),
    async disconnect() {
      await checked(producer.disconnect());
      await offsets?.close();
    },
    send: (records) => checked(send(records)),
    commit: (offset) => checked(commit(offset)),
  };
}

const CREATION_LIMIT_MS = 10_000;
const CREATION_POLL_MS = 100;

/** The type of a topic among the resources that have a configuration. */
const TOPIC_RESOURCE = 2;
const CLEANUP_POLICY = 'cleanup.policy';

function adminOf(kafka: ShapeKafka, dialect: Dialect): KafkaAdmin {
  const admin = kafka.admin();
  return {
    connect: () => checked(admin.connect()),
    disconnect: () => checked(admin.disconnect()),
    async describeTopics(topics) {
      // a request for the metadata of a missing topic is an error
      const existing = new Set(await checked(admin.listTopics()));
      const wanted = topics.filter((topic) => existing.has(topic));
      if (wanted.length === 0) return [];
      const answer = await checked(admin.fetchTopicMetadata({ topics: wanted }));
      const found = Array.isArray(answer) ? answer : answer.topics;
      return found.map(({ name, partitions }) => ({ topic: name, partitions: partitions.length }));
    },
    async createTopic({ topic, partitions, replicationFactor }) {
      const topics = [{ topic, numPartitions: partitions, replicationFactor }];
      await checked(admin.createTopics({ topics, ...dialect.topics }));
      // a broker may answer for a moment that it does not know the topic yet
      for (const until = performance.now() + CREATION_LIMIT_MS; ; await sleep(CREATION_POLL_MS)) {
        try {
          await checked(admin.fetchTopicMetadata({ topics: [topic] }));
          return;
        } catch (error) {
          if (!hasCode(error, 'kafka.topic_missing') || performance.now() > until) throw error;
        }
      }
    },
    async bounds(topic) {
      const offsets = await checked(admin.fetchTopicOffsets(topic));
      return offsets.map(({ partition, low, high }) => ({ partition, low: BigInt(low), high: BigInt(high) }));
    },
    async isCompacted(topic) {
      const resources = [{ type: TOPIC_RESOURCE, name: topic, configNames: [CLEANUP_POLICY] }];
      const answer = await checked(admin.describeConfigs({ resources, includeSynonyms: false }));
      const entries = answer.resources.flatMap(({ configEntries }) => configEntries);
      const policy = entries.find(({ configName }) => configName === CLEANUP_POLICY)?.configValue;
      return policy?.split(',').includes('compact') === true;
    },
    async groupOffset(group, topic, partition) {
      const entry = await checked(dialect.groupOffset(admin, group, topic, partition));
      if (entry === undefined || Number(entry.offset) < 0) return undefined;
      return { group, topic, partition, offset: Number(entry.offset), metadata: entry.metadata ?? '' };
    },
  };
}

function consumerOf(kafka: ShapeKafka, dialect: Dialect, options: ConsumerOptions): KafkaConsumer {
  const watch = dialect.consumer(options);
  const consumer = kafka.consumer(watch.options);
  return {
    connect: () => checked(consumer.connect()),
    disconnect: () => checked(consumer.disconnect()),
    async run(handlers: ConsumerHandlers) {
      await checked(watch.begin(consumer, handlers));
      await checked(consumer.subscribe({ topics: [...options.topics], ...dialect.subscription(options) }));
      await checked(
        consumer.run({
          ...dialect.run(),
          eachBatch: async (payload: ShapeBatchPayload) => {
            const { batch, isResolved } = batchOf(payload, watch.lastOffset(payload.batch));
            await handlers.onBatch(batch);
            if (isResolved()) watch.processed(payload.batch);
          },
        }),
      );
    },
    seek: (topic, partition, offset) => consumer.seek({ topic, partition, offset: String(offset) }),
    commit: (offsets) =>
      checked(consumer.commitOffsets(offsets.map((each) => ({ ...each, offset: String(each.offset) })))),
  };
}

function batchOf(
  { batch, resolveOffset, heartbeat, isRunning, isStale }: ShapeBatchPayload,
  last: bigint,
): { batch: ConsumedBatch; isResolved: () => boolean } {
  const records = batch.messages.map(recordOf);
  let resolved: bigint | undefined;
  const converted: ConsumedBatch = {
    topic: batch.topic,
    partition: batch.partition,
    highWatermark: BigInt(batch.highWatermark),
    records,
    last,
    resolve({ offset }) {
      resolved = offset;
      resolveOffset(String(offset));
    },
    heartbeat,
    isOver: () => !isRunning() || isStale(),
  };
  return { batch: converted, isResolved: () => resolved !== undefined && resolved === records.at(-1)?.offset };
}

function recordOf({ offset, key = null, value, timestamp, headers = {} }: ShapeMessage): ConsumedRecord {
  const texts: Record<string, string> = {};
  for (const [name, given] of Object.entries(headers)) {
    const first = Array.isArray(given) ? given[0] : given;
    if (first !== undefined) texts[name] = first.toString();
  }
  return { offset: BigInt(offset), key, value, timestamp: Number(timestamp), headers: texts };
}
