/** The part of the KafkaJS interface that this module uses. Both `kafkajs` and `@confluentinc/kafka-javascript` have
 *  it; a dialect for each maps their differences. The types are here so that the declarations of the library need neither
 *  package. */

/** A record to publish. */
export interface KafkaRecord {
  key: string;
  value: string;
  headers: Readonly<Record<string, string>>;
}

/** Records for one topic, in the order in which they are written. */
export interface TopicRecords {
  topic: string;
  messages: readonly KafkaRecord[];
}

/** A committed offset of a consumer group. */
export interface GroupOffset {
  group: string;
  topic: string;
  partition: number;
  offset: number;
  /** A text that Kafka stores with the offset, at most 4096 bytes. */
  metadata: string;
}

/** The first offset that a partition still has, and the offset that its next record gets. */
export interface PartitionBounds {
  partition: number;
  low: bigint;
  high: bigint;
}

/** What exists of a topic. */
export interface TopicState {
  topic: string;
  partitions: number;
}

export interface KafkaAdmin {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  /** Returns the topics that exist. */
  describeTopics(topics: readonly string[]): Promise<TopicState[]>;
  /** Resolves when the broker knows the topic. */
  createTopic(topic: { topic: string; partitions: number; replicationFactor: number }): Promise<void>;
  bounds(topic: string): Promise<PartitionBounds[]>;
  /** Whether Kafka may delete a record when a later one has its key. Rejects with `kafka.client_missing` if that needs
   *  another client library. */
  isCompacted(topic: string): Promise<boolean>;
  /** Returns the committed offset of a group; undefined if it has none for the partition. */
  groupOffset(group: string, topic: string, partition: number): Promise<GroupOffset | undefined>;
}

/** A producer with a transactional id. */
export interface TransactionalProducer {
  /** Fences all earlier producers with this transactional id. When it resolves, each of their transactions is committed or
   *  aborted, and whatever they send or commit afterwards rejects without an effect. */
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  /** Writes records in the current transaction, the first of which begins it. */
  send(records: TopicRecords): Promise<void>;
  /** Commits the records since the last commit together with the offset. After a rejection of `send` or `commit`, whether
   *  anything was committed is unknown: a new producer with the same transactional id must be connected, then the offset
   *  read. */
  commit(offset: GroupOffset): Promise<void>;
}

/** A producer whose records are written once, also if it has to send them again. */
export interface KafkaProducer {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  send(records: TopicRecords): Promise<void>;
}

/** A record that was read. */
export interface ConsumedRecord {
  offset: bigint;
  key: Buffer | null;
  value: Buffer | null;
  /** Milliseconds since the epoch. */
  timestamp: number;
  headers: Readonly<Record<string, string>>;
}

export interface ConsumedBatch {
  topic: string;
  partition: number;
  records: readonly ConsumedRecord[];
  /** The last offset of the batch, also if that is no record but the end of a transaction. */
  last: bigint;
  /** The offset that the next record of the partition gets. */
  highWatermark: bigint;
  /** Records that the batch up to this record is processed. */
  resolve: (record: ConsumedRecord) => void;
  /** Keeps the membership during long work. */
  heartbeat: () => Promise<void>;
  /** Whether the consumer is stopping, or no longer has the partition. */
  isOver: () => boolean;
}

/** A member of a consumer group. It reads committed records only. */
export interface KafkaConsumer {
  connect(): Promise<void>;
  /** Starts to read. Batches of one partition are handled one after another. Restarts by itself after a failure. */
  run(handlers: ConsumerHandlers): Promise<void>;
  /** Continues the partition at this offset; to be called in `onBatch`. */
  seek(topic: string, partition: number, offset: bigint): void;
  /** Stores the offsets in the group, for tools that show its lag. */
  commit(offsets: readonly { topic: string; partition: number; offset: bigint }[]): Promise<void>;
  disconnect(): Promise<void>;
}

export interface ConsumerHandlers {
  onBatch: (batch: ConsumedBatch) => Promise<void>;
  /** Called when the assigned partitions may have changed: each of them is read from its stored offset again. */
  onRebalance: () => void;
  onCrash: (error: Error) => void;
  /** Called for offsets without a record, such as the end of a transaction, that come in a batch of their own. */
  onSkipped?: ((topic: string, partition: number, offsets: { first: bigint; last: bigint }) => void) | undefined;
}

export interface ConsumerOptions {
  group: string;
  topics: readonly string[];
  /** Where a partition begins for which the group has no offset: at its first record, or behind its last. */
  fromBeginning: boolean;
  /** Milliseconds after which the group divides the partitions of a member that has vanished. */
  sessionTimeout: number;
}

/** Creates the parts of a client of one Kafka cluster. Each must be connected, and disconnected at the end. */
export interface KafkaClient {
  admin(): KafkaAdmin;
  producer(): KafkaProducer;
  transactionalProducer(transactionalId: string): TransactionalProducer;
  consumer(options: ConsumerOptions): KafkaConsumer;
}
