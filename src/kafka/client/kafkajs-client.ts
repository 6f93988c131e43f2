import { sleep } from '../../concurrency/sleep.js';
import { FlotillaError, hasCode } from '../../errors.js';
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
import type { ShapeBatchPayload, ShapeKafka, ShapeMessage, ShapeTransaction } from './kafkajs-shape.js';
import { kafkaError } from './kafka-error.js';

type Options = Record<string, unknown>;

/** The differences between the libraries that have the interface of KafkaJS. */
export interface Dialect {
  producer: (options: Options) => Options;
  consumer: (options: ConsumerOptions) => Options;
  subscription: (options: ConsumerOptions) => Options;
  run: () => Options;
  /** Options of every send. */
  send: Options;
  /** Options of a request to create topics. */
  topics: Options;
  /** The group to which a transaction commits offsets, with whatever must be closed at the end. */
  offsetsOf: (group: string) => Promise<{ consumerGroupId: string } | { consumer: { disconnect(): Promise<void> } }>;
}

/** Makes a client of a library with the interface of KafkaJS. Every rejection is a `kafka.*` error. */
export function clientOf(kafka: ShapeKafka, dialect: Dialect): KafkaClient {
  return {
    admin: () => adminOf(kafka, dialect),
    producer() {
      const producer = kafka.producer(dialect.producer({ ...PRODUCER }));
      return {
        connect: () => checked(producer.connect()),
        disconnect: () => checked(producer.disconnect()),
        send: async ({ topic, messages }) =>
          void (await checked(producer.send({ ...dialect.send, topic, messages: [...messages] }))),
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
  let target: Awaited<ReturnType<Dialect['offsetsOf']>> | undefined;
  let current: ShapeTransaction | undefined;
  const send = async ({ topic, messages }: TopicRecords) => {
    current ??= await producer.transaction();
    await current.send({ ...dialect.send, topic, messages: [...messages] });
  };
  const commit = async (offset: GroupOffset) => {
    target ??= await dialect.offsetsOf(offset.group);
    current ??= await producer.transaction();
    await current.sendOffsets({ ...target, topics: [offsetsIn(offset)] });
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
      if (target !== undefined && 'consumer' in target) await target.consumer.disconnect();
      await checked(producer.disconnect());
    },
    send: (records) => checked(send(records)),
    commit: (offset) => checked(commit(offset)),
  };
}

function offsetsIn({ topic, partition, offset, metadata }: GroupOffset) {
  return { topic, partitions: [{ partition, offset: String(offset), metadata }] };
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
      if (admin.describeConfigs === undefined)
        throw new FlotillaError('config.invalid', 'KAFKA_CLIENT: only kafkajs finds out whether a topic is compacted');
      const resources = [{ type: TOPIC_RESOURCE, name: topic, configNames: [CLEANUP_POLICY] }];
      const answer = await checked(admin.describeConfigs({ resources, includeSynonyms: false }));
      const entries = answer.resources.flatMap(({ configEntries }) => configEntries);
      const policy = entries.find(({ configName }) => configName === CLEANUP_POLICY)?.configValue;
      return policy?.split(',').includes('compact') === true;
    },
    async groupOffset(group, topic, partition) {
      const [found] = await checked(admin.fetchOffsets({ groupId: group, topics: [topic] }));
      const entry = found?.partitions.find((each) => each.partition === partition);
      if (entry === undefined || Number(entry.offset) < 0) return undefined;
      return { group, topic, partition, offset: Number(entry.offset), metadata: entry.metadata ?? '' };
    },
  };
}

function consumerOf(kafka: ShapeKafka, dialect: Dialect, options: ConsumerOptions): KafkaConsumer {
  const consumer = kafka.consumer(dialect.consumer(options));
  return {
    connect: () => checked(consumer.connect()),
    disconnect: () => checked(consumer.disconnect()),
    async run({ onBatch, onRebalance, onCrash, onSkipped }: ConsumerHandlers) {
      consumer.on?.('consumer.group_join', onRebalance);
      consumer.on?.('consumer.crash', ({ payload }) => onCrash(kafkaError(payload.error)));
      if (onSkipped !== undefined) {
        consumer.on?.('consumer.end_batch_process', ({ payload }) => {
          const { topic, partition, batchSize, firstOffset, lastOffset } = payload;
          if (batchSize !== 0 || topic === undefined || partition === undefined) return;
          if (typeof firstOffset !== 'string' || lastOffset === undefined) return;
          onSkipped(topic, partition, { first: BigInt(firstOffset), last: BigInt(lastOffset) });
        });
      }
      await checked(consumer.subscribe({ topics: [...options.topics], ...dialect.subscription(options) }));
      await checked(
        consumer.run({
          ...dialect.run(),
          eachBatch: (payload: ShapeBatchPayload) => onBatch(batchOf(payload)),
        }),
      );
    },
    seek: (topic, partition, offset) => consumer.seek({ topic, partition, offset: String(offset) }),
    commit: (offsets) =>
      checked(consumer.commitOffsets(offsets.map((each) => ({ ...each, offset: String(each.offset) })))),
  };
}

function batchOf({ batch, resolveOffset, heartbeat, isRunning, isStale }: ShapeBatchPayload): ConsumedBatch {
  return {
    topic: batch.topic,
    partition: batch.partition,
    highWatermark: BigInt(batch.highWatermark),
    records: batch.messages.map(recordOf),
    last: BigInt(batch.lastOffset()),
    resolve: ({ offset }) => resolveOffset(String(offset)),
    heartbeat,
    isOver: () => !isRunning() || isStale(),
  };
}

function recordOf({ offset, key = null, value, timestamp, headers = {} }: ShapeMessage): ConsumedRecord {
  const texts: Record<string, string> = {};
  for (const [name, given] of Object.entries(headers)) {
    const first = Array.isArray(given) ? given[0] : given;
    if (first !== undefined) texts[name] = first.toString();
  }
  return { offset: BigInt(offset), key, value, timestamp: Number(timestamp), headers: texts };
}
