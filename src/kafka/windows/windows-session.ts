import type { Clock } from '../../concurrency/clock.js';
import { SerialQueue } from '../../concurrency/serial-queue.js';
import { sleep } from '../../concurrency/sleep.js';
import { errorOf, hasCode } from '../../errors.js';
import type { DeriveId } from '../../events/ids.js';
import type { LeaseHolder } from '../../store/leases/lease-holder.js';
import type { Store, Tx } from '../../store/store.js';
import { versionName, type WindowsDefinition } from '../../windows/definition.js';
import { WindowProcessor, type Incoming } from '../../windows/processor.js';
import type { Failures } from '../../windows/engine/failures.js';
import type { WindowsMetrics } from '../../windows/reader/windows-metrics.js';
import { WorkTimer } from '../../windows/reader/work-timer.js';
import type { KafkaAdmin } from '../client/kafka-client.js';
import { listOffsets, moveOffset, type ConsumedPartition } from '../source/offset-table.js';
import type { TopicPart } from '../source/topic-reader.js';
import { decodeInput } from './decode-input.js';
import { partitionName, ReadPositions } from './read-positions.js';

/** What a session works with. */
export interface TopicWindowsContext {
  definition: WindowsDefinition;
  store: Store;
  topics: readonly string[];
  deriveId: DeriveId;
  clock: Clock;
}

/** A place in the topics; without `at`, the one that the store has. */
interface TopicPosition {
  at?: ConsumedPartition;
  next: bigint;
}

/** Milliseconds between two requests for the ends of the partitions. */
const ASK_INTERVAL_MS = 500;

/** Milliseconds between two attempts during the end of a rewind, and after which it counts as a failure. */
const FROZEN_INTERVAL_MS = 200;
const FROZEN_LIMIT_MS = 5_000;

/** Another process has moved an offset. */
class Fenced extends Error {}

/** Applies the records of topics to the windows of one definition while this process leads. Each transaction contains
 *  state, watermark, results and the offset; a counter of the transactions refuses those of a former leader. */
export class TopicWindowsSession {
  readonly #positions = new ReadPositions();
  readonly #queue = new SerialQueue();
  #processor: WindowProcessor<TopicPosition> | undefined;
  /** Partitions with records that are not read, and the offsets up to which they are to be read. */
  readonly #unread = new Map<string, bigint>();
  #closing: WorkTimer | undefined;
  #askedAt = -Infinity;
  #commits = 0;
  #from: bigint | undefined;

  constructor(
    private readonly context: TopicWindowsContext,
    private readonly metrics: WindowsMetrics,
    private readonly failures: Failures,
    private readonly lease: LeaseHolder,
  ) {}

  /** The running computation; undefined before it begins and after a failure. */
  get engine() {
    return this.#processor?.engine;
  }

  /** Loads the state and holds the watermark for the partitions that are not read to their end. */
  async open(admin: KafkaAdmin): Promise<void> {
    const { store, definition, topics, clock } = this.context;
    const consumer = versionName(definition);
    for (const { topic, partition, next } of await listOffsets(store.query, consumer))
      this.#positions.read(partitionName(topic, partition), next);
    const unread = await this.#positions.ask(admin, topics, clock.now());
    await this.#queue.run(() => this.#hold(unread));
  }

  /** Processes records of one partition. Resolves with false if another process has taken over. Rejects without a
   *  change; the state is then loaded again. */
  async process(part: TopicPart): Promise<boolean> {
    try {
      return await this.#unlessFrozen(() => this.#process(part));
    } finally {
      this.#closing?.changed();
    }
  }

  /** Records that these offsets of a partition contain no record. */
  skip(topic: string, partition: number, offsets: { first: bigint; last: bigint }): void {
    const name = partitionName(topic, partition);
    this.#positions.skip(name, offsets);
    // in turn: records of the partition may be processed meanwhile
    void this.#queue.run(async () => this.#releaseIfRead(name)).then(() => this.#closing?.changed());
  }

  /** Closes windows by the clock until the signal aborts. Rejects where that fails. */
  async closeUntil(signal: AbortSignal, admin: KafkaAdmin): Promise<void> {
    const { clock } = this.context;
    const isReady = () => this.#processor !== undefined && this.#positions.complete !== undefined;
    this.#closing = new WorkTimer(
      {
        dueAt: (now) => (isReady() ? (this.#processor?.dueAt(now) ?? now) : now),
        run: async () => {
          if (!this.lease.check()) return;
          const now = clock.now();
          if (!isReady() || this.engine?.couldClose(now) === true) await this.#ask(admin, now);
          if (signal.aborted || !this.lease.check()) return;
          await this.#unlessFrozen(() => this.#tick(now));
        },
      },
      clock,
    );
    await this.#closing.runUntil(signal);
  }

  async #ask(admin: KafkaAdmin, now: number): Promise<void> {
    const { clock, topics } = this.context;
    const elapsed = clock.elapsed();
    if (elapsed - this.#askedAt < ASK_INTERVAL_MS) return;
    this.#askedAt = elapsed;
    const unread = await this.#positions.ask(admin, topics, now);
    await this.#queue.run(() => this.#hold(unread));
  }

  async #tick(now: number): Promise<boolean> {
    const processor = await this.#opened();
    await processor.tick(this.#positions.complete);
    this.metrics.progress(processor.engine, now);
    return true;
  }

  async #process({ at, records, from, next, highWatermark }: TopicPart): Promise<boolean> {
    const { definition, clock } = this.context;
    const name = partitionName(at.topic, at.partition);
    if (next < highWatermark) await this.#hold(new Map([[name, highWatermark]]));
    const processor = await this.#opened();
    this.#from = from;
    const last = records.at(-1);
    const { failures, metrics } = this;
    const decoded = function* (): Generator<Incoming<TopicPosition>> {
      for (const record of records) {
        const event = decodeInput(definition, at, record, failures);
        if (event !== undefined) metrics.read(1);
        yield { position: { at, next: record === last ? next : record.offset + 1n }, event };
      }
    };
    const now = clock.now();
    await processor.apply(decoded(), () => ({ at: now, now }));
    await processor.flush();
    this.#positions.read(name, next);
    this.#releaseIfRead(name);
    return true;
  }

  #releaseIfRead(name: string): void {
    const end = this.#unread.get(name);
    if (end === undefined || (this.#positions.next(name) ?? 0n) < end) return;
    this.#unread.delete(name);
    this.engine?.watermark.release(name, this.context.clock.now());
  }

  /** Holds the watermark for partitions with records that are not read. */
  async #hold(ends: ReadonlyMap<string, bigint>): Promise<void> {
    for (const [name, end] of ends) this.#unread.set(name, end);
    const { engine } = await this.#opened();
    for (const name of ends.keys()) engine.watermark.hold(name);
  }

  /** Runs `work` after other work. During the end of a rewind it waits, and loads the state again. */
  async #unlessFrozen(work: () => Promise<boolean>): Promise<boolean> {
    const { clock } = this.context;
    for (const until = clock.elapsed() + FROZEN_LIMIT_MS; ;) {
      try {
        return await this.#queue.run(() => this.#guarded(work));
      } catch (error) {
        if (!hasCode(error, 'windows.frozen') || clock.elapsed() > until || !this.lease.check()) throw error;
      }
      await sleep(FROZEN_INTERVAL_MS, undefined, clock.after);
    }
  }

  /** Runs `work`; after a failure, the state is loaded again. */
  async #guarded(work: () => Promise<boolean>): Promise<boolean> {
    try {
      return await work();
    } catch (error) {
      this.#processor = undefined;
      if (error instanceof Fenced) {
        this.lease.lose();
        return false;
      }
      this.failures.remember(error);
      throw errorOf(error);
    }
  }

  async #opened(): Promise<WindowProcessor<TopicPosition>> {
    if (this.#processor !== undefined) return this.#processor;
    const { store, definition, deriveId, clock } = this.context;
    const name = versionName(definition);
    // before the state: a change in between is refused by the first commit
    this.#commits = await store.checkpoint(name);
    this.#processor = await WindowProcessor.open<TopicPosition>({
      ...{ store, definition, deriveId, now: clock.now, position: { next: 0n } },
      commit: (position, write) => this.#commit(name, position, write),
      onWritten: (written) => this.metrics.written(written),
    });
    for (const unread of this.#unread.keys()) this.#processor.engine.watermark.hold(unread);
    return this.#processor;
  }

  async #commit(name: string, { at, next }: TopicPosition, write: (tx: Tx) => Promise<void>): Promise<boolean> {
    if (!this.lease.check()) throw new Fenced();
    await this.context.store.transaction(async (tx) => {
      if (!(await tx.moveCheckpoint(name, this.#commits, this.#commits + 1))) throw new Fenced();
      if (at !== undefined && !(await moveOffset(tx.sql, at, this.#from, next))) throw new Fenced();
      await write(tx);
    });
    this.#commits += 1;
    this.#from = next;
    return true;
  }
}
