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
  /** The queue of the worker, which the deliveries name as theirs. */
  queue: string;
  /** Where to begin the first time. */
  offset: 'first' | 'next';
  /** Deliveries in flight at most. */
  prefetch: number;
  /** Whether an entry is delivered, ignored because it is for other workers, or invalid because it is not an event. */
  classify: (entry: StreamEntry) => 'deliver' | 'ignore' | 'invalid';
  onDelivery: (delivery: Delivery) => void;
}

/** Delivers the entries of the stream to a worker. */
export interface DeliveryFeed {
  state: () => StreamConsumerState;
  /** Delivers nothing more. */
  cancel(): Promise<void>;
  /** Delivers again, with so many deliveries in flight. */
  resume(prefetch?: number): Promise<void>;
  /** Stores the checkpoint, and lets another replica take over. */
  close(): Promise<void>;
}

const SAVE_INTERVAL_MS = 200;
/** While there is no room, the limits are compared this often even if nothing was settled. */
const ROOM_CHECK_INTERVAL_MS = 2_000;
/** Entries from the first unsettled one to the last one read, at most. A process that died may have begun as many, so as
 *  many count as redelivered. */
const MAX_UNSETTLED_SPAN = 2_000;

/** Delivers the stream to a worker one entry at a time, in one process at a time. The checkpoint follows the settled
 *  entries; an entry that is not settled is delivered again, here or by the next leader: at least once. */
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

/** Delivers for one term of this process as the leader. */
class FeedSession {
  readonly buffer: DeliveryBuffer;
  readonly #wakeup = new Wakeup();
  #settlement = new Settlement(undefined);
  #saving: Promise<void> | undefined;
  /** The number of coming entries that a process that died may have begun. */
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
      for await (const next of this.session.follow({ from, portion: this.options.prefetch })) {
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

  /** Waits for room and takes an entry in; false once the term is over. */
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
