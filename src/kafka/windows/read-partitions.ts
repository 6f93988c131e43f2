import { Wakeup } from '../../concurrency/wakeup.js';
import { FlotillaError } from '../../errors.js';
import { formatDuration } from '../../duration.js';
import type { ConsumedBatch, ConsumedRecord, KafkaClient, KafkaConsumer } from '../client/kafka-client.js';
import { partitionName } from './read-positions.js';

/** The records of a partition from `next` up to `to`, without the latter. */
export interface PartitionRange {
  topic: string;
  partition: number;
  next: bigint;
  readonly to: bigint;
}

export interface PartRead {
  topic: string;
  partition: number;
  records: readonly ConsumedRecord[];
}

export interface ReadPartitionsOptions {
  client: KafkaClient;
  /** A consumer group that nothing else uses. */
  group: string;
  ranges: readonly PartitionRange[];
  /** Milliseconds without a record after which Kafka counts as unreachable. */
  idle: number;
  signal: AbortSignal;
}

/** Milliseconds after which Kafka forgets this member if the process is killed. */
const SESSION_TIMEOUT_MS = 10_000;

/** Yields the records of the ranges, each once, in the order of their partition. At most one batch of each partition is in
 *  memory. Ends early when the signal aborts. Throws `kafka.unavailable` if Kafka delivers nothing before the end. */
export async function* readPartitions(options: ReadPartitionsOptions): AsyncGenerator<PartRead, void, undefined> {
  const { client, group, ranges, idle, signal } = options;
  const topics = [...new Set(ranges.map(({ topic }) => topic))];
  if (topics.length === 0) return;
  const consumer = client.consumer({ group, topics, fromBeginning: true, sessionTimeout: SESSION_TIMEOUT_MS });
  const reader = new RangeReader(ranges, consumer);
  const end = () => reader.wakeup.notify();
  signal.addEventListener('abort', end, { once: true });
  try {
    await consumer.connect();
    await consumer.run({
      onBatch: (batch) => reader.receive(batch),
      onRebalance: () => undefined,
      onCrash: (error) => reader.fail(error),
      onSkipped: (topic, partition, { first, last }) => reader.skip(partitionName(topic, partition), first, last),
    });
    while (reader.isReading && !signal.aborted) {
      const part = reader.take();
      if (part !== undefined) yield part;
      else if (!(await reader.wakeup.wait(idle))) {
        throw new FlotillaError(
          'kafka.unavailable',
          `it delivered nothing for ${formatDuration(idle)}, before the end`,
        );
      }
    }
  } finally {
    signal.removeEventListener('abort', end);
    reader.close();
    await consumer.disconnect().catch(() => undefined);
  }
}

interface Waiting {
  part: PartRead;
  done: () => void;
}

/** Hands the batches of a consumer over to a loop that reads ranges of partitions. */
class RangeReader {
  readonly wakeup = new Wakeup();
  readonly #left: Map<string, PartitionRange>;
  readonly #waiting: Waiting[] = [];
  #current: Waiting | undefined;
  #failure: Error | undefined;
  #isClosed = false;

  constructor(
    ranges: readonly PartitionRange[],
    private readonly consumer: Pick<KafkaConsumer, 'seek'>,
  ) {
    this.#left = new Map(ranges.map((range) => [partitionName(range.topic, range.partition), range]));
  }

  /** Whether there is something to read. */
  get isReading(): boolean {
    return this.#left.size > 0 || this.#waiting.length > 0;
  }

  /** Returns the next part; the previous one is processed. Undefined if none has arrived. Throws the error of the consumer. */
  take(): PartRead | undefined {
    this.#current?.done();
    this.#current = undefined;
    if (this.#failure !== undefined) throw this.#failure;
    this.#current = this.#waiting.shift();
    return this.#current?.part;
  }

  async receive(batch: ConsumedBatch): Promise<void> {
    const { topic, partition, last, highWatermark } = batch;
    const range = this.#left.get(partitionName(topic, partition));
    const end = batch.records.at(-1);
    if (end === undefined || this.#isClosed) return;
    if (range === undefined || end.offset < range.next) {
      // after its end, the partition is not read; before it, the consumer began too early
      this.consumer.seek(topic, partition, range?.next ?? highWatermark);
      return;
    }
    const records = batch.records.filter(({ offset }) => offset >= range.next && offset < range.to);
    await new Promise<void>((done) => {
      this.#waiting.push({ part: { topic, partition, records }, done });
      this.wakeup.notify();
    });
    if (this.#isClosed) return;
    batch.resolve(end);
    this.#advance(range, last + 1n);
  }

  /** Records that these offsets contain no record. */
  skip(name: string, first: bigint, last: bigint): void {
    const range = this.#left.get(name);
    if (range !== undefined && first <= range.next) this.#advance(range, last + 1n);
  }

  fail(error: Error): void {
    this.#failure = error;
    this.wakeup.notify();
  }

  close(): void {
    this.#isClosed = true;
    for (const { done } of [...(this.#current === undefined ? [] : [this.#current]), ...this.#waiting]) done();
  }

  #advance(range: PartitionRange, next: bigint): void {
    if (next > range.next) range.next = next;
    if (range.next >= range.to) this.#left.delete(partitionName(range.topic, range.partition));
    this.wakeup.notify();
  }
}
