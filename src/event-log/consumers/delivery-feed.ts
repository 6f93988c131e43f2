import type { Delivery, StreamEntry } from '../../broker/broker.js';
import { messageOf } from '../../errors.js';
import { Wakeup } from '../../concurrency/wakeup.js';
import { newestEntry } from '../reading/log-bounds.js';
import { DeliveryBuffer } from './delivery-buffer.js';
import { BEFORE_FIRST, positionOf, type LogPosition } from '../positions/position.js';
import { Settlement } from './settlement.js';
import {
  consumeStream,
  type ConsumerSession,
  type StreamConsumerOptions,
  type StreamConsumerState,
} from './stream-consumer.js';

export interface DeliveryFeedOptions extends StreamConsumerOptions {
  /** The worker's queue, reported as the queue of the deliveries. */
  queue: string;
  /** Where a new consumer begins. */
  offset: 'first' | 'next';
  /** Maximum number of deliveries in flight. */
  prefetch: number;
  /** Whether to deliver an entry, to ignore it because it is for other workers, or to count it as invalid because it
   *  is not an event. */
  classify: (entry: StreamEntry) => 'deliver' | 'ignore' | 'invalid';
  onDelivery: (delivery: Delivery) => void;
}

/** A worker's consumer of the stream. */
export interface DeliveryFeed {
  state: () => StreamConsumerState;
  /** Stops deliveries. */
  cancel(): Promise<void>;
  /** Resumes deliveries, optionally with another limit. */
  resume(prefetch?: number): Promise<void>;
  /** Stores the checkpoint, and lets another replica take over. */
  close(): Promise<void>;
}

const SAVE_INTERVAL_MS = 200;
/** While there is no room, the limits are checked at this interval even if nothing was settled. */
const ROOM_CHECK_INTERVAL_MS = 2_000;
/** Maximum distance from the first unsettled entry to the last one read. A terminated process may have started this
 *  many entries, so this many count as redelivered. */
const MAX_UNSETTLED_SPAN = 2_000;

/** Delivers the stream to a worker, one entry at a time and in one process at a time. The checkpoint follows the
 *  settled entries; an unsettled entry is delivered again, here or by the next leader: at-least-once delivery. */
export function feedDeliveries(options: DeliveryFeedOptions): DeliveryFeed {
  let limit = options.prefetch;
  let isRunning = true;
  let buffer: DeliveryBuffer | undefined;
  const { state, stop } = consumeStream(options, async (session) => {
    const feeding = new FeedSession(session, options, { limit, isRunning });
    buffer = feeding.buffer;
    await feeding.run().finally(() => (buffer = undefined));
  });
  return {
    state,
    async cancel() {
      isRunning = false;
      buffer?.pause();
    },
    async resume(prefetch = limit) {
      limit = prefetch;
      isRunning = true;
      buffer?.resume(prefetch);
    },
    close: stop,
  };
}

/** Delivers entries while this process leads. */
class FeedSession {
  readonly buffer: DeliveryBuffer;
  readonly #wakeup = new Wakeup();
  #settlement = new Settlement(undefined);
  #saving: Promise<void> | undefined;
  /** The number of coming entries that a terminated process may have started. */
  #possiblyRedelivered = MAX_UNSETTLED_SPAN;

  constructor(
    private readonly session: ConsumerSession,
    private readonly options: DeliveryFeedOptions,
    { limit, isRunning }: { limit: number; isRunning: boolean },
  ) {
    const { queue, onDelivery } = options;
    this.buffer = new DeliveryBuffer(limit, isRunning, { queue, onDelivery, onRoom: () => this.#wakeup.notify() });
  }

  async run(): Promise<void> {
    const { signal } = this.session;
    const wake = () => this.#wakeup.notify();
    signal.addEventListener('abort', wake);
    const saving = setInterval(() => this.#save(), SAVE_INTERVAL_MS);
    try {
      const from = await this.#start();
      for await (const next of this.session.follow({ from, batchSize: this.options.prefetch })) {
        if (next.kind === 'broken') {
          this.session.alarms.raise(next.broken, 'this worker has not handled them: replay to it what its inbox lacks');
          if (next.broken.kind === 'reset') this.#settlement = new Settlement(BEFORE_FIRST);
          continue;
        }
        for (const entry of next.entries) if (!(await this.#accept(entry))) break;
      }
    } finally {
      signal.removeEventListener('abort', wake);
      clearInterval(saving);
      await this.#saving;
      this.#save();
      await this.#saving;
      this.buffer.end();
    }
  }

  /** Returns the position to continue from; undefined to begin with the first entry. */
  async #start(): Promise<LogPosition | undefined> {
    const { broker, stream, offset } = this.options;
    let position = this.session.checkpoint;
    if (position === undefined && offset === 'next') {
      const newest = await newestEntry(broker, stream);
      position = newest === undefined ? BEFORE_FIRST : positionOf(newest);
    }
    this.#settlement = new Settlement(position);
    this.session.reportOffset(position ?? BEFORE_FIRST);
    return position;
  }

  /** Waits for room and accepts an entry; false once this process no longer leads. */
  async #accept(entry: StreamEntry): Promise<boolean> {
    const { classify, metrics, worker, prefetch } = this.options;
    const { signal } = this.session;
    const verdict = classify(entry);
    const isFull = () =>
      this.#settlement.size >= MAX_UNSETTLED_SPAN || (verdict === 'deliver' && this.buffer.size >= prefetch);
    while (!signal.aborted && isFull()) await this.#wakeup.wait(ROOM_CHECK_INTERVAL_MS);
    if (signal.aborted || !this.session.isLeading()) return false;
    const position = positionOf(entry);
    if (verdict === 'invalid') metrics.logPassedOver.inc({ worker });
    if (verdict === 'deliver') this.buffer.add(entry, this.#possiblyRedelivered > 0, this.#settlement.add(position));
    else this.#settlement.skip(position);
    this.#possiblyRedelivered -= 1;
    return true;
  }

  #save(): void {
    const { position } = this.#settlement;
    if (position === undefined || position === this.session.checkpoint || !this.session.isLeading()) return;
    this.#saving ??= this.#moveCheckpoint(position).finally(() => (this.#saving = undefined));
  }

  async #moveCheckpoint(position: LogPosition): Promise<void> {
    try {
      await this.session.moveCheckpoint(position);
    } catch (error) {
      this.options.logger.warn('Checkpoint of the log not stored; retrying', { error: messageOf(error) });
    }
  }
}
