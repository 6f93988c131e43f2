import type { MessageProperties } from '../broker.js';
import type { Fields } from '../messages/amqp-fields.js';
import type { Clock } from '../../concurrency/clock.js';

/** A message in one queue. */
export interface QueuedMessage {
  readonly exchange: string;
  readonly routingKey: string;
  readonly body: Uint8Array;
  readonly properties: MessageProperties & { readonly headers: Fields };
  readonly expiresAt: number;
  /** How often it was delivered and returned. */
  returns: number;
}

export type Content = Pick<QueuedMessage, 'exchange' | 'routingKey' | 'body' | 'properties'>;

/** A consumer of the queue. */
export interface Taker {
  readonly wants: boolean;
  take(message: QueuedMessage): void;
}

export type DeathReason = 'expired' | 'maxlen' | 'delivery_limit';

export interface QueueOptions {
  name: string;
  arguments: Fields;
  clock: Clock;
  /** Publishes expired or dropped messages to the dead-letter exchange; false if no queue accepted one. */
  deadLetter: (queue: MemoryQueue, message: QueuedMessage, reason: DeathReason) => boolean;
}

/** Simulates a quorum queue of RabbitMQ, as far as this fleet depends on it. */
export class MemoryQueue {
  readonly name: string;
  readonly arguments: Fields;
  readonly #clock: Clock;
  readonly #deadLetter: QueueOptions['deadLetter'];
  readonly #ready: QueuedMessage[] = [];
  /** Messages for which dead-lettering at least once has not found a queue yet. */
  #waiting: { message: QueuedMessage; reason: DeathReason }[] = [];
  #takers: Taker[] = [];
  #bytes = 0;
  #dispatching = false;
  #callOff: (() => void) | undefined;

  constructor({ name, arguments: fields, clock, deadLetter }: QueueOptions) {
    this.name = name;
    this.arguments = fields;
    this.#clock = clock;
    this.#deadLetter = deadLetter;
  }

  get depth(): number {
    return this.#ready.length;
  }

  get consumers(): number {
    return this.#takers.length;
  }

  /** Whether a message of this size would be refused. */
  refuses(bytes: number): boolean {
    if (this.arguments['x-overflow'] !== 'reject-publish') return false;
    return this.#ready.length >= this.#limit('x-max-length') || this.#bytes + bytes > this.#limit('x-max-length-bytes');
  }

  /** Adds a message; returns false if the queue is full and refuses it. */
  push(content: Content): boolean {
    const maxLength = this.#limit('x-max-length');
    const maxBytes = this.#limit('x-max-length-bytes');
    if (this.refuses(content.body.length)) return false;
    this.#bytes += content.body.length;
    const expiresAt = this.#clock.now() + this.#limit('x-message-ttl');
    this.#ready.push({ ...content, expiresAt, returns: 0 });
    while (this.#ready.length > maxLength || (this.#bytes > maxBytes && this.#ready.length > 1))
      this.#deadLetterOldest('maxlen');
    this.schedule();
    return true;
  }

  /** Returns a delivered message: before those that were never delivered, and behind other returned ones, as a quorum queue does.
   *  Beyond the delivery limit it is dead-lettered. */
  requeue(message: QueuedMessage): void {
    message.returns += 1;
    if (message.returns > this.#limit('x-delivery-limit')) {
      this.#dead(message, 'delivery_limit');
      return;
    }
    const at = this.#ready.findIndex(({ returns }) => returns === 0);
    this.#ready.splice(at === -1 ? this.#ready.length : at, 0, message);
    this.#bytes += message.body.length;
    this.schedule();
  }

  add(taker: Taker): void {
    if (!this.#takers.includes(taker)) this.#takers.push(taker);
    this.schedule();
  }

  remove(taker: Taker): void {
    this.#takers = this.#takers.filter((each) => each !== taker);
    this.schedule();
  }

  /** Retries dead-lettering of messages that no queue accepted. */
  retryDeadLetters(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { message, reason } of waiting) this.#dead(message, reason);
  }

  /** Schedules delivery and expiry; never in the caller's tick. */
  schedule(): void {
    if (this.#dispatching) return;
    this.#dispatching = true;
    setImmediate(() => {
      this.#dispatching = false;
      this.#expire();
      this.#dispatch();
      this.#watchHead();
    });
  }

  /** Stops the timer. */
  stop(): void {
    this.#callOff?.();
    this.#callOff = undefined;
  }

  #dispatch(): void {
    const single = this.arguments['x-single-active-consumer'] === true;
    while (this.#ready.length > 0) {
      const taker = (single ? this.#takers.slice(0, 1) : this.#takers).find(({ wants }) => wants);
      const message = taker === undefined ? undefined : this.#ready.shift();
      if (taker === undefined || message === undefined) return;
      this.#bytes -= message.body.length;
      // round-robin: the next message goes to another consumer
      if (!single) this.#takers = [...this.#takers.filter((each) => each !== taker), taker];
      taker.take(message);
    }
  }

  #expire(): void {
    const now = this.#clock.now();
    for (let head = this.#ready[0]; head !== undefined && head.expiresAt <= now; head = this.#ready[0])
      this.#deadLetterOldest('expired');
  }

  #watchHead(): void {
    this.stop();
    const head = this.#ready[0];
    if (head === undefined || head.expiresAt === Infinity) return;
    this.#callOff = this.#clock.after(Math.max(0, head.expiresAt - this.#clock.now()), () => this.schedule());
  }

  #deadLetterOldest(reason: DeathReason): void {
    const head = this.#ready.shift();
    if (head === undefined) return;
    this.#bytes -= head.body.length;
    this.#dead(head, reason);
  }

  #dead(message: QueuedMessage, reason: DeathReason): void {
    const atLeastOnce = this.arguments['x-dead-letter-strategy'] === 'at-least-once';
    if (!this.#deadLetter(this, message, reason) && atLeastOnce) this.#waiting.push({ message, reason });
  }

  #limit(argument: string): number {
    const value = this.arguments[argument];
    return typeof value === 'number' ? value : Infinity;
  }
}
