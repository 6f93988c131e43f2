import { setImmediate } from 'node:timers/promises';
import type { LeaseHolder } from '../../store/leases/lease-holder.js';
import { AppendWakeup } from '../../store/append-wakeup.js';
import type { Store } from '../../store/store.js';
import type { StoredEvent } from '../../store/stored-event.js';
import { failpoint } from '../../failpoints.js';
import type { KafkaClient, TransactionalProducer } from '../client/kafka-client.js';
import { withAdmin } from '../topics/plan-topics.js';
import { sendsOf, type RecordKey } from './records.js';
import {
  BEFORE_ALL,
  offsetAt,
  readPosition,
  SINK_CHECKPOINT,
  type PositionPlace,
  type SinkPosition,
} from './sink-position.js';

export interface SinkSessionOptions {
  store: Store;
  client: KafkaClient;
  place: PositionPlace;
  topicOf: (type: string) => string | undefined;
  key: RecordKey;
  /** Maximum number of events in one request; a transaction has up to `PAGES_PER_TRANSACTION` of them. */
  batchSize: number;
  /** Called when events are committed in Kafka. */
  onPublished: (records: number) => void;
  /** Called with the last position of the store and the one committed in Kafka. */
  onPosition: (head: number, position: number) => void;
}

/** The requests around a transaction take as long as one with records. */
const PAGES_PER_TRANSACTION = 10;
/** A safety net: appends wake the sink. */
const LONGEST_WAIT_MS = 1_000;
/** Positions of events without a topic after which their position is committed by itself. */
const SKIPPED_POSITIONS = 10_000;
/** Kafka deletes the offset of a group after seven days without a commit, by default. */
const RENEW_INTERVAL_MS = 3_600_000;
/** Milliseconds between two commits of the checkpoint in the store, which only shows that there is a position. */
const CHECKPOINT_INTERVAL_MS = 10_000;

/**
 * Publishes the events of a store while this process holds the lease of the sink. Each transaction contains records and
 * the position up to which the store is published; a failed one ends the session, because its outcome is unknown. The
 * next session fences this one, then reads the position, and so neither omits nor repeats an event for readers of
 * committed records.
 */
export class SinkSession {
  #committed: SinkPosition;
  /** The last position read; the events between have no topic. */
  #read: SinkPosition;
  /** The records and pages since the last commit. */
  #open = { records: 0, pages: 0 };
  #committedAt = performance.now();
  #checkpointAt = -Infinity;
  #checkpoint: number;

  private constructor(
    private readonly options: SinkSessionOptions,
    private readonly producer: TransactionalProducer,
    position: SinkPosition,
    checkpoint: number,
  ) {
    this.#committed = position;
    this.#read = position;
    this.#checkpoint = checkpoint;
  }

  /** Fences earlier producers of this sink, then runs until the signal aborts. */
  static async run(options: SinkSessionOptions, lease: LeaseHolder, signal: AbortSignal): Promise<void> {
    const { client, place, store } = options;
    const producer = client.transactionalProducer(place.group);
    try {
      await producer.connect();
      // only now: until it is fenced, an earlier producer may still move the position
      const position = await withAdmin(client, (admin) => readPosition(admin, place, store));
      const checkpoint = await store.checkpoint(SINK_CHECKPOINT);
      const session = new SinkSession(options, producer, position ?? BEFORE_ALL, checkpoint);
      if (position === undefined) await session.#begin();
      await session.#run(lease, signal);
    } finally {
      await producer.disconnect().catch(() => undefined); // it may be the broken connection that ended the session
    }
  }

  /** Commits the position 0 and records that there is one, before the first record: a position that is lost later is
   *  never mistaken for a new sink. */
  async #begin(): Promise<void> {
    await this.#commit();
    await this.#saveCheckpoint();
  }

  async #run(lease: LeaseHolder, signal: AbortSignal): Promise<void> {
    const { store, batchSize } = this.options;
    const wakeup = new AppendWakeup(store, signal);
    try {
      let page = store.readAll(this.#read.position, batchSize);
      while (!signal.aborted && lease.check()) {
        const events = await page;
        const last = events.at(-1);
        const published = last && this.#publish(events, { position: last.position, event: last.id });
        published?.catch(() => undefined); // awaited below
        // the request is sent, and the next page is read while Kafka writes this one
        await setImmediate();
        page = store.readAll(last?.position ?? this.#read.position, batchSize);
        page.catch(() => undefined); // awaited in the next round, unless this one fails
        await published;
        await this.#afterPage();
        if (events.length === 0) {
          if (this.#open.records > 0) await this.#commit();
          await page;
          await wakeup.wait(LONGEST_WAIT_MS);
          page = store.readAll(this.#read.position, batchSize);
        }
      }
      await page;
      if (this.#open.records > 0 && lease.check()) await this.#commit();
      await this.#saveCheckpoint();
    } finally {
      wakeup.stop();
    }
  }

  /** Sends the records of a page. Commits them with further pages where those are there already. */
  async #publish(events: readonly StoredEvent[], last: SinkPosition): Promise<void> {
    const open = this.#open;
    for (const send of sendsOf(events, this.options)) {
      await this.producer.send(send);
      open.records += send.messages.length;
    }
    this.#read = last;
    if (open.records > 0) open.pages += 1;
    const isFull = open.pages >= PAGES_PER_TRANSACTION || events.length < this.options.batchSize;
    const isSkipped = last.position - this.#committed.position >= SKIPPED_POSITIONS;
    if (open.records > 0 ? isFull : isSkipped) await this.#commit();
  }

  async #commit(): Promise<void> {
    const { store, place, onPublished } = this.options;
    await this.producer.commit(offsetAt(place, store, this.#read));
    failpoint('kafka.sink_published');
    this.#committed = this.#read;
    this.#committedAt = performance.now();
    onPublished(this.#open.records);
    this.#open = { records: 0, pages: 0 };
  }

  async #afterPage(): Promise<void> {
    const now = performance.now();
    if (now - this.#committedAt > RENEW_INTERVAL_MS && this.#open.pages === 0) await this.#commit();
    if (now - this.#checkpointAt > CHECKPOINT_INTERVAL_MS) await this.#saveCheckpoint();
    // events without a topic count as published
    const { position } = this.#open.records > 0 ? this.#committed : this.#read;
    this.options.onPosition(await this.options.store.head(), position);
  }

  async #saveCheckpoint(): Promise<void> {
    this.#checkpointAt = performance.now();
    const [from, to] = [this.#checkpoint, this.#committed.position + 1];
    if (to <= from) return;
    await this.options.store.transaction((tx) => tx.moveCheckpoint(SINK_CHECKPOINT, from, to));
    this.#checkpoint = to;
  }
}
