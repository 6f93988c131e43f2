/** The interface of KafkaJS, as far as it is used: the same in both libraries, except for the options. */

type Options = Record<string, unknown>;
type Headers = Record<string, Buffer | string | (Buffer | string)[] | undefined>;

interface Offsets {
  topic: string;
  partitions: { partition: number; offset: string; metadata?: string | null }[];
}

interface Connected {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
}

export interface ShapeTransaction {
  send(records: Options): Promise<unknown>;
  sendOffsets(offsets: { consumerGroupId: string; topics: Offsets[] }): Promise<void>;
  commit(): Promise<void>;
  abort(): Promise<void>;
}

export interface ShapeProducer extends Connected {
  send(records: Options): Promise<unknown>;
  transaction(): Promise<ShapeTransaction>;
}

export interface ShapeMessage {
  offset: string;
  key?: Buffer | null;
  value: Buffer | null;
  timestamp: string;
  headers?: Headers;
}

export interface ShapeBatchPayload {
  batch: {
    topic: string;
    partition: number;
    highWatermark: string;
    messages: ShapeMessage[];
    lastOffset(): string;
  };
  resolveOffset: (offset: string) => void;
  heartbeat: () => Promise<void>;
  isRunning: () => boolean;
  isStale: () => boolean;
}

/** The parts of the events of a consumer that are used. */
export interface ShapeNotice {
  error?: Error;
  topic?: string;
  partition?: number;
  /** The number of records. */
  batchSize?: number;
  firstOffset?: string | null;
  lastOffset?: string;
}

export interface ShapeConsumer extends Connected {
  subscribe(options: Options): Promise<void>;
  run(options: Options): Promise<void>;
  seek(offset: { topic: string; partition: number; offset: string }): void;
  commitOffsets(offsets: { topic: string; partition: number; offset: string }[]): Promise<void>;
  /** With Confluent only. */
  committed(
    partitions: { topic: string; partition: number }[],
    timeout: number,
  ): Promise<{ offset: string | null; metadata?: string | null }[]>;
  /** With Confluent only. */
  dependentAdmin(): ShapeAdmin;
  /** With KafkaJS only. */
  on?(event: string, listener: (event: { payload: ShapeNotice }) => void): unknown;
}

export interface ShapeAdmin extends Connected {
  listTopics(): Promise<string[]>;
  createTopics(options: Options): Promise<boolean>;
  fetchTopicMetadata(options: {
    topics: string[];
  }): Promise<{ topics: { name: string; partitions: unknown[] }[] } | { name: string; partitions: unknown[] }[]>;
  fetchTopicOffsets(topic: string): Promise<{ partition: number; low: string; high: string }[]>;
  fetchOffsets(options: { groupId: string; topics: string[] }): Promise<Offsets[]>;
  /** With KafkaJS only. */
  describeConfigs(options: Options): Promise<{
    resources: { configEntries: { configName: string; configValue: string }[] }[];
  }>;
}

export interface ShapeKafka {
  admin(options?: Options): ShapeAdmin;
  producer(options: Options): ShapeProducer;
  consumer(options: Options): ShapeConsumer;
}

export type KafkaConstructor = new (options: Options) => ShapeKafka;
