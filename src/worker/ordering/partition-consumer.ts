import type { Broker, Consumer, Delivery } from '../../broker/broker.js';
import type { Clock } from '../../concurrency/clock.js';
import { LONGEST_WAIT_MS, PARTITION_PREFETCH, partitionLimit } from './partition-limits.js';
import { markerEpoch } from './partitions/marker.js';

/** Milliseconds until a partition is consumed again after a message was returned. */
const REOPEN_MS = 250;

export interface PartitionConsumerOptions {
  broker: Broker;
  queue: string;
  /** How many partitions there are. */
  partitions: number;
  onDelivery: (delivery: PartitionDelivery) => void;
  /** Called when the messages of a channel may not be handled any more. */
  onOver: () => void;
  /** Called before the first delivery of a channel: another process may have consumed the partition before. False: the partition
   *  may not be consumed. */
  begin: () => Promise<boolean>;
  /** Called with the epoch of a marker when all messages before it are settled; it is acked afterwards. */
  pass: (epoch: number) => Promise<void>;
  clock: Pick<Clock, 'after' | 'elapsed'>;
}

/** Milliseconds of a monotonic clock. */
type Elapsed = number;

/** Consumes the queue of a partition, which has a single active consumer. It never returns one message: it closes its
 *  channel, and all unsettled messages return to the head of the queue, in order. */
export class PartitionConsumer {
  #session: Session | undefined;
  #isWanted = true;
  #limit: number;
  #closing: Promise<void> = Promise.resolve();
  #cancelReopen: (() => void) | undefined;
  #receivedAt: Elapsed = -Infinity;
  #activeAt: Elapsed;
  #onLeft: (() => void) | undefined;

  /** @param limit the most messages that the worker handles at the same time */
  constructor(
    private readonly options: PartitionConsumerOptions,
    limit: number,
  ) {
    this.#limit = limit;
    this.#activeAt = options.clock.elapsed();
    this.#open();
  }

  get consuming(): boolean {
    return this.#session?.consumer.consuming ?? false;
  }

  get queue(): string {
    return this.options.queue;
  }

  get inFlight(): number {
    return this.#session?.size ?? 0;
  }

  /** Whether this is the active consumer of the queue: it has received a message on its current channel. */
  get isActive(): boolean {
    return this.#session?.isActive ?? false;
  }

  /** When the oldest message in flight was published, in milliseconds since the epoch; undefined if there is none, or the
   *  message does not contain it. */
  get oldestAt(): number | undefined {
    const [oldest] = this.#session?.open ?? [];
    const seconds = oldest?.properties.timestamp;
    return seconds === undefined ? undefined : seconds * 1000;
  }

  /** When it received its latest message. */
  get receivedAt(): Elapsed {
    return this.#receivedAt;
  }

  /** Milliseconds for which it has consumed without a message in flight. */
  get idleFor(): number {
    return this.consuming && this.inFlight === 0 ? this.options.clock.elapsed() - this.#activeAt : 0;
  }

  /** Closes the channel and opens another one. All messages in flight can still be settled. */
  reconnect(): void {
    this.#session?.end();
  }

  /** Handles no further message. Those that are being handled can still be settled. */
  cancel(): Promise<void> {
    this.#isWanted = false;
    this.#session?.end();
    return Promise.resolve();
  }

  /** @param limit the most messages that the worker handles at the same time, from the next channel on */
  resume(limit: number): Promise<void> {
    this.#isWanted = true;
    this.#limit = limit;
    if (this.#session === undefined) this.#open();
    return Promise.resolve();
  }

  /** Cancels, and resolves when all messages are settled and the channel is closed. */
  leave(): Promise<void> {
    void this.cancel();
    return new Promise((resolve) => {
      if (this.#session === undefined) resolve();
      else this.#onLeft = resolve;
    });
  }

  /** Closes the channel, also if messages are not settled. */
  async close(): Promise<void> {
    this.#isWanted = false;
    this.#cancelReopen?.();
    this.#session?.end();
    await this.#session?.consumer.close();
    await this.#closing;
  }

  #open(): void {
    const { broker, queue, partitions, clock } = this.options;
    const session = new Session({
      ...this.options,
      limit: partitionLimit(this.#limit, partitions),
      onSettled: () => (this.#activeAt = clock.elapsed()),
      onEnd: () => this.#leave(session),
    });
    this.#activeAt = clock.elapsed();
    session.consumer = broker.consume(queue, {
      prefetch: PARTITION_PREFETCH,
      onDelivery: (delivery) => {
        if (session.hasEnded) return; // the message stays unsettled
        this.#receivedAt = clock.elapsed();
        session.take(delivery);
      },
    });
    this.#session = session;
  }

  /** Closes the channel of a session that has ended, and opens another one unless the consumer is cancelled. */
  #leave(session: Session): void {
    this.#closing = session.consumer
      .close()
      .catch(() => undefined)
      .then(() => {
        this.#session = undefined;
        this.#onLeft?.();
        if (this.#isWanted) this.#cancelReopen = this.options.clock.after(REOPEN_MS, () => this.#reopen());
      });
  }

  #reopen(): void {
    if (this.#isWanted && this.#session === undefined) this.#open();
  }
}

interface Received {
  delivery: Delivery;
  at: Elapsed;
}

/** The messages of one consumer, whose channel may be replaced. */
class Session {
  consumer!: Consumer;
  /** The messages that are not settled, oldest first. */
  readonly open = new Set<PartitionDelivery>();
  /** Received, not yet being handled. */
  #waiting: Received[] = [];
  #hasEnded = false;
  #channel: AbortSignal | undefined;
  /** Whether no message may be handled before something is known or stored. */
  #isBlocked = false;

  constructor(
    private readonly on: Pick<PartitionConsumerOptions, 'onDelivery' | 'onOver' | 'begin' | 'pass' | 'clock'> & {
      /** The most messages that are handled, or wait for their turn, at the same time. */
      limit: number;
      onSettled: () => void;
      /** It has ended, and all of its messages are settled. */
      onEnd: () => void;
    },
  ) {}

  get isActive(): boolean {
    return this.#channel?.aborted === false;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  get size(): number {
    return this.open.size + this.#waiting.length;
  }

  take(delivery: Delivery): void {
    if (this.#channel !== delivery.lost) {
      this.#channel = delivery.lost;
      this.#waiting = [];
      this.#block(delivery, async () => {
        if (!(await this.on.begin())) this.end();
      });
    }
    this.#waiting.push({ delivery, at: this.on.clock.elapsed() });
    this.#next();
  }

  /** Handles what waits, up to a marker: that one when no message is being handled any more. */
  #next(): void {
    while (!this.#isBlocked && !this.#hasEnded && this.open.size < this.on.limit) {
      const [received] = this.#waiting;
      if (received === undefined) return;
      const epoch = markerEpoch(received.delivery);
      if (epoch !== undefined && this.open.size > 0) return;
      this.#waiting.shift();
      if (epoch === undefined) this.#handle(received);
      else this.#pass(received.delivery, epoch);
    }
  }

  /** Whether a message that was received at this time has waited too long to be handled. */
  isTooOld(receivedAt: Elapsed): boolean {
    return this.on.clock.elapsed() - receivedAt > LONGEST_WAIT_MS;
  }

  #handle({ delivery, at }: Received): void {
    const owned = new PartitionDelivery(delivery, this, at);
    this.open.add(owned);
    this.on.onDelivery(owned);
  }

  #pass(marker: Delivery, epoch: number): void {
    this.#block(marker, async () => {
      await this.on.pass(epoch);
      marker.ack();
      this.on.onSettled();
    });
  }

  /** Handles nothing until `work` is done, unless the channel is replaced meanwhile. A failure ends the session. */
  #block({ lost }: Delivery, work: () => Promise<void>): void {
    this.#isBlocked = true;
    work().then(
      () => {
        if (this.#channel !== lost) return;
        this.#isBlocked = false;
        this.#next();
      },
      () => this.end(),
    );
  }

  /** No further message may be handled. Calls back when all that are being handled are settled. */
  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#waiting = [];
    this.on.onOver();
    if (this.open.size === 0) this.on.onEnd();
  }

  settled(delivery: PartitionDelivery): void {
    this.open.delete(delivery);
    this.on.onSettled();
    if (!this.#hasEnded) this.#next();
    else if (this.open.size === 0) this.on.onEnd();
  }
}

/** A message of a partition. Returning it ends the session of its channel. */
export class PartitionDelivery implements Delivery {
  #isSettled = false;

  constructor(
    private readonly delivery: Delivery,
    private readonly session: Session,
    private readonly receivedAt: Elapsed,
  ) {}

  /** Whether it must not be handled any more, because an earlier message may be delivered again before it, or because it has
   *  waited too long. */
  get isOver(): boolean {
    return this.session.hasEnded || this.session.isTooOld(this.receivedAt);
  }

  get queue(): string {
    return this.delivery.queue;
  }

  get exchange(): string {
    return this.delivery.exchange;
  }

  get routingKey(): string {
    return this.delivery.routingKey;
  }

  get body(): Uint8Array {
    return this.delivery.body;
  }

  get properties(): Delivery['properties'] {
    return this.delivery.properties;
  }

  get redelivered(): boolean {
    return this.delivery.redelivered;
  }

  get origin(): Delivery['origin'] {
    return this.delivery.origin;
  }

  get lost(): AbortSignal {
    return this.delivery.lost;
  }

  ack(): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.delivery.ack();
    this.session.settled(this);
  }

  requeue(): void {
    this.session.end();
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.session.settled(this);
  }
}
