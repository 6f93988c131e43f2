import type { ConsumerHandlers, ConsumerOptions, GroupOffset, TopicRecords } from './kafka-client.js';
import type { ShapeAdmin, ShapeBatchPayload, ShapeConsumer, ShapeTransaction } from './kafkajs-shape.js';

type Options = Record<string, unknown>;

/** The differences between the libraries that have the interface of KafkaJS. */
export interface Dialect {
  producer: (options: Options) => Options;
  consumer: (options: ConsumerOptions) => ConsumerWatch;
  subscription: (options: ConsumerOptions) => Options;
  run: () => Options;
  /** The argument of a send. */
  send: (records: TopicRecords) => Options;
  /** Options of a request to create topics. */
  topics: Options;
  /** Reads the committed offset of a group; below 0 if it has none. */
  groupOffset: (
    admin: ShapeAdmin,
    group: string,
    topic: string,
    partition: number,
  ) => Promise<{ offset: string; metadata?: string | null } | undefined>;
  /** How transactions commit offsets of this group. */
  offsetsOf: (group: string) => Promise<TransactionOffsets>;
}

export interface TransactionOffsets {
  send: (transaction: ShapeTransaction, offset: GroupOffset) => Promise<void>;
  /** Called when the producer is disconnected. */
  close: () => Promise<void>;
}

/** How the library reports what concerns a consumer beside its records. */
export interface ConsumerWatch {
  /** Options of the consumer. */
  options: Options;
  /** Called when the consumer is connected, before it reads. */
  begin: (consumer: ShapeConsumer, handlers: ConsumerHandlers) => Promise<void>;
  /** The last offset of a batch, also if that is no record. */
  lastOffset: (batch: ShapeBatchPayload['batch']) => bigint;
  /** Called when all records of a batch are resolved. */
  processed: (batch: ShapeBatchPayload['batch']) => void;
}
