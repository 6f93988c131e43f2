import { Backoff } from '../../concurrency/backoff.js';
import { sleep } from '../../concurrency/sleep.js';
import { FlotillaError } from '../../errors.js';
import { failpoint } from '../../failpoints.js';
import type { Store } from '../../store/store.js';
import { isStoreGone } from '../../store/is-gone.js';
import { FaultLog } from '../../telemetry/fault-log.js';
import type { Logger } from '../../telemetry/logger.js';
import type {
  ConsumedBatch,
  ConsumedRecord,
  ConsumerHandlers,
  KafkaClient,
  KafkaConsumer,
} from '../client/kafka-client.js';
import { kafkaError } from '../client/kafka-error.js';
import { withAdmin } from '../topics/plan-topics.js';
import { migrateKafkaTables, nextOffset, type ConsumedPartition } from './offset-table.js';

/** Consecutive records of a partition. */
export interface TopicPart {
  at: ConsumedPartition;
  records: readonly ConsumedRecord[];
  /** The stored offset; undefined for a partition that was never read. */
  from: bigint | undefined;
  /** The offset after them. */
  next: bigint;
  /** The offset that the next record of the partition gets. */
  highWatermark: bigint;
}

export interface TopicReaderOptions {
  store: Store;
  client: KafkaClient;
  /** The consumer group in Kafka. */
  group: string;
  /** The name of the consumer in the store. */
  consumer: string;
  topics: readonly string[];
  /** Where a partition begins for which neither the store nor the group has an offset. */
  from: 'beginning' | 'end';
  /** Processes consecutive records of a partition and moves its offset from `from` to `next`, in transactions. Resolves
   *  with false, without a change, if another member has moved it. */
  process: (part: TopicPart) => Promise<boolean>;
  /** Records in one call of `process`. @default 100 */
  partSize?: number;
  /** Milliseconds after which another member takes over from one that has vanished. @default 10000 */
  sessionTimeout?: number | undefined;
  onProcessed?: (records: number, at: ConsumedPartition, lag: number) => void;
  /** See `ConsumerHandlers`. */
  onSkipped?: ConsumerHandlers['onSkipped'];
  /** Called when the partitions of this member may have changed. */
  onRebalance?: () => void;
  onLost?: (records: number) => void;
  onFailure?: (error: FlotillaError | undefined) => void;
  logger: Logger;
}

/** A transaction blocks the other writers of the store. */
const PART_SIZE = 100;
/** Milliseconds between two commits of offsets to the group, which only tools read. */
const GROUP_COMMIT_INTERVAL_MS = 5_000;

/**
 * Reads topics as a member of a consumer group and processes each record once: the offset is in the store, and moves in
 * the transaction of the record. When it gets a partition it continues at the STORE's offset, whatever the offset of the
 * group is. A former member that still processes a partition is refused, because it does not find the offset where it
 * left it.
 */
export class TopicReader {
  /** The next offset of each partition that was compared with the store since it was assigned. */
  #next = new Map<string, bigint | undefined>();
  /** The ends of the partitions at their last batch. */
  readonly #highWatermarks = new Map<string, bigint>();
  readonly #fault: FaultLog;
  readonly #backoff = new Backoff(100, 5_000);
  #committedAt = performance.now();
  /** Ends the current consumer with an error. */
  #end: (error: Error) => void = () => undefined;

  constructor(private readonly options: TopicReaderOptions) {
    this.#fault = new FaultLog(options.logger);
  }

  /** Reads until the signal aborts and the transaction in progress has ended. Failures are retried without a limit.
   *  Rejects if the store is closed while it runs. */
  async run(signal: AbortSignal): Promise<void> {
    const { client, group, topics, from, store, sessionTimeout = 10_000 } = this.options;
    await migrateKafkaTables(store);
    while (!signal.aborted) {
      const consumer = client.consumer({ group, topics, fromBeginning: from === 'beginning', sessionTimeout });
      this.#next.clear();
      const ended = this.#ended(signal);
      ended.catch(() => undefined); // awaited once the consumer runs
      try {
        await consumer.connect();
        await consumer.run({
          onBatch: (batch) => this.#handle(batch, consumer, signal),
          onRebalance: () => {
            this.#next.clear();
            this.options.onRebalance?.();
          },
          onCrash: (error) => this.#end(error),
          onSkipped: (...skipped) => this.#skipped(...skipped),
        });
        await ended;
      } catch (error) {
        if (error instanceof FlotillaError && isStoreGone(error)) throw error;
        this.#failed(error);
        await sleep(this.#backoff.next(), signal);
      } finally {
        await consumer.disconnect().catch(() => undefined);
      }
    }
  }

  /** Offsets without a record are no lag. */
  #skipped(topic: string, partition: number, offsets: { first: bigint; last: bigint }): void {
    const { consumer, onSkipped, onProcessed } = this.options;
    const key = `${topic}:${partition}`;
    const next = this.#next.get(key);
    const end = this.#highWatermarks.get(key);
    if (next !== undefined && end !== undefined && offsets.first <= next && offsets.last >= next)
      onProcessed?.(0, { consumer, topic, partition }, Math.max(0, Number(end - offsets.last - 1n)));
    onSkipped?.(topic, partition, offsets);
  }

  /** Resolves when the signal aborts, rejects when the consumer has crashed or the store is gone. */
  #ended(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#end = reject;
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  /** Never rejects: the library would stop after some attempts. After a failure, the partition continues at the offset
   *  of the store. */
  async #handle(batch: ConsumedBatch, consumer: KafkaConsumer, signal: AbortSignal): Promise<void> {
    const key = `${batch.topic}:${batch.partition}`;
    try {
      if (!this.#next.has(key) && !(await this.#locate(batch, key, consumer))) return;
      await this.#process(batch, key, signal);
      this.#recovered();
      await this.#commitToGroup(batch, consumer);
    } catch (error) {
      this.#next.delete(key);
      if (error instanceof FlotillaError && isStoreGone(error)) {
        this.#end(error);
        return;
      }
      this.#failed(error);
      await sleep(this.#backoff.next(), signal);
      // a member that skips the failed records would lose them
      const first = batch.records[0];
      if (first !== undefined && !batch.isOver()) consumer.seek(batch.topic, batch.partition, first.offset);
    }
  }

  /** Compares the first batch of an assignment with the store. Resolves with false if the batch is not the one that
   *  follows the store's offset: reading then continues there. */
  async #locate({ topic, partition, records }: ConsumedBatch, key: string, consumer: KafkaConsumer): Promise<boolean> {
    const { store, consumer: name } = this.options;
    const stored = await nextOffset(store.query, { consumer: name, topic, partition });
    const first = records[0]?.offset;
    if (stored !== undefined && first !== undefined && stored !== first) {
      const start = await this.#available(topic, partition, stored);
      this.#next.set(key, stored);
      consumer.seek(topic, partition, start);
      return false;
    }
    this.#next.set(key, stored);
    return true;
  }

  /** The store's offset, or the first one that Kafka has if that one is gone. */
  async #available(topic: string, partition: number, stored: bigint): Promise<bigint> {
    const all = await withAdmin(this.options.client, (admin) => admin.bounds(topic));
    const { low, high } = all.find((bounds) => bounds.partition === partition) ?? { low: stored, high: stored };
    if (stored >= low && stored <= high) return stored;
    const isRecreated = stored > high;
    const detail = isRecreated
      ? `${topic} ${partition} was created again: it ends at ${high}, and ${stored} was the next offset`
      : `${topic} ${partition}: ${low - stored} records from offset ${stored} on`;
    const error = new FlotillaError('kafka.records_lost', detail);
    this.options.logger.error(error.message, { code: error.code, topic, partition, stored: String(stored) });
    this.options.onLost?.(isRecreated ? 0 : Number(low - stored));
    return low;
  }

  async #process(batch: ConsumedBatch, key: string, signal: AbortSignal): Promise<void> {
    const { consumer, process, onProcessed, partSize = PART_SIZE } = this.options;
    const { highWatermark, topic, partition } = batch;
    const at: ConsumedPartition = { consumer, topic, partition };
    this.#highWatermarks.set(key, highWatermark);
    const from = this.#next.get(key);
    const isRecreated = from !== undefined && highWatermark < from;
    // the client may deliver records before the offset at which reading continues
    const records = batch.records.filter(({ offset }) => isRecreated || from === undefined || offset >= from);
    for (let index = 0; index < records.length; index += partSize) {
      if (batch.isOver() || signal.aborted) return;
      const part = records.slice(index, index + partSize);
      const last = part.at(-1);
      if (last === undefined) return;
      const isEnd = index + partSize >= records.length && batch.last > last.offset;
      const next = (isEnd ? batch.last : last.offset) + 1n;
      if (!(await process({ at, records: part, from: this.#next.get(key), next, highWatermark }))) {
        this.#next.delete(key); // another member has moved it: compare with the store again
        return;
      }
      failpoint('kafka.source_committed');
      this.#next.set(key, next);
      batch.resolve(last);
      onProcessed?.(part.length, at, Math.max(0, Number(highWatermark - next)));
      await batch.heartbeat();
    }
    const end = batch.records.at(-1);
    if (end !== undefined && records.length === 0) batch.resolve(end);
  }

  async #commitToGroup({ topic, partition }: ConsumedBatch, consumer: KafkaConsumer): Promise<void> {
    const offset = this.#next.get(`${topic}:${partition}`);
    const now = performance.now();
    if (offset === undefined || now - this.#committedAt < GROUP_COMMIT_INTERVAL_MS) return;
    this.#committedAt = now;
    // the store decides where reading continues, so a failure has no consequence
    await consumer.commit([{ topic, partition, offset }]).catch(() => undefined);
  }

  #failed(error: unknown): void {
    const failure = error instanceof FlotillaError ? error : kafkaError(error);
    const { consumer, onFailure } = this.options;
    this.#fault.failed(`${consumer}: failed; retrying`, { code: failure.code, error: failure.message }, failure.code);
    onFailure?.(failure);
  }

  #recovered(): void {
    this.#fault.recovered(`${this.options.consumer}: reads again`);
    this.#backoff.reset();
    this.options.onFailure?.(undefined);
  }
}
