import { setMaxListeners } from 'node:events';
import type { Delivery, MessageProperties, StreamEntry } from '../../broker/broker.js';
import type { Fields } from '../../broker/messages/amqp-fields.js';

export interface DeliveryBufferOptions {
  /** The worker's queue, reported as the queue of the deliveries. */
  queue: string;
  onDelivery: (delivery: Delivery) => void;
  /** Called when there may be room for more. */
  onRoom: () => void;
}

interface BufferedEntry {
  entry: StreamEntry;
  redelivered: boolean;
  settle: () => void;
}

/** Delay before a requeued entry is delivered again: a pause that caused the requeue has begun by then. */
const REDELIVERY_DELAY_MS = 50;

/** Converts entries of the log into deliveries, at most `limit` in flight. A requeued entry is delivered again
 *  before all later entries. */
export class DeliveryBuffer {
  readonly #waiting: BufferedEntry[] = [];
  readonly #lost = new AbortController();
  #inFlight = 0;
  #redelivery: NodeJS.Timeout | undefined;

  constructor(
    private limit: number,
    private isRunning: boolean,
    private readonly options: DeliveryBufferOptions,
  ) {
    setMaxListeners(0, this.#lost.signal);
  }

  /** The number of entries in flight or waiting. */
  get size(): number {
    return this.#inFlight + this.#waiting.length;
  }

  add(entry: StreamEntry, redelivered: boolean, settle: () => void): void {
    this.#waiting.push({ entry, redelivered, settle });
    this.#deliver();
  }

  /** Stops deliveries until `resume`. */
  pause(): void {
    this.isRunning = false;
  }

  resume(limit: number): void {
    this.limit = limit;
    this.isRunning = true;
    this.#deliver();
  }

  /** Ends with the leadership of this process: settling a delivery no longer has an effect. */
  end(): void {
    clearTimeout(this.#redelivery);
    this.isRunning = false;
    this.#waiting.length = 0;
    this.#lost.abort();
  }

  #deliver(): void {
    while (this.isRunning && this.#inFlight < this.limit) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#inFlight += 1;
      this.options.onDelivery(this.#deliveryOf(next));
    }
  }

  #requeue(buffered: BufferedEntry): void {
    const at = this.#waiting.findIndex(({ entry }) => entry.offset > buffered.entry.offset);
    // not `redelivered`: that flag means that a process may have crashed while handling it
    this.#waiting.splice(at === -1 ? this.#waiting.length : at, 0, { ...buffered, redelivered: false });
    this.#redelivery ??= setTimeout(() => {
      this.#redelivery = undefined;
      this.#deliver();
    }, REDELIVERY_DELAY_MS);
  }

  #deliveryOf(buffered: BufferedEntry): Delivery {
    let isSettled = false;
    const settle = (how: () => void) => {
      if (isSettled || this.#lost.signal.aborted) return;
      isSettled = true;
      this.#inFlight -= 1;
      how();
      this.options.onRoom();
    };
    const { exchange, routingKey, body, properties, origin } = buffered.entry;
    return {
      queue: this.options.queue,
      exchange,
      routingKey,
      body,
      properties: withoutOffset(properties),
      ...(origin !== undefined && { origin }),
      redelivered: buffered.redelivered,
      lost: this.#lost.signal,
      ack: () =>
        settle(() => {
          buffered.settle();
          this.#deliver();
        }),
      requeue: () => settle(() => this.#requeue(buffered)),
    };
  }
}

/** Removes the offset in the log, which does not apply to a copy of the message. */
function withoutOffset(properties: StreamEntry['properties']): MessageProperties & { readonly headers: Fields } {
  const { 'x-stream-offset': _, ...headers } = properties.headers;
  return { ...properties, headers };
}
