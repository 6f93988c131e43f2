import { setMaxListeners } from 'node:events';
import type { Delivery, MessageProperties, StreamEntry } from '../broker/contract.js';
import type { Fields } from '../broker/fields.js';

export interface HandOptions {
  /** The queue of the worker, as whose messages the entries are given. */
  queue: string;
  onDelivery: (delivery: Delivery) => void;
  /** Called when there may be room for more. */
  onRoom: () => void;
}

interface Held {
  entry: StreamEntry;
  redelivered: boolean;
  settle: () => void;
}

/** Milliseconds before what was given back is given again: by then a pause that is its reason has begun. */
const AGAIN_AFTER = 50;

/** Entries of the log on their way through the pipeline of a worker. What is given back stays here, in its order, and is
 *  given again before all that comes after it. */
export class Hand {
  readonly #waiting: Held[] = [];
  readonly #lost = new AbortController();
  #inHand = 0;
  #again: NodeJS.Timeout | undefined;

  constructor(
    private limit: number,
    private isRunning: boolean,
    private readonly options: HandOptions,
  ) {
    setMaxListeners(0, this.#lost.signal);
  }

  /** Entries that are given out, or are to be. */
  get size(): number {
    return this.#inHand + this.#waiting.length;
  }

  put(entry: StreamEntry, redelivered: boolean, settle: () => void): void {
    this.#waiting.push({ entry, redelivered, settle });
    this.#giveOut();
  }

  /** Gives out nothing more for now. */
  pause(): void {
    this.isRunning = false;
  }

  resume(limit: number): void {
    this.limit = limit;
    this.isRunning = true;
    this.#giveOut();
  }

  /** It is another process's turn: what is given out now settles nothing any more. */
  end(): void {
    clearTimeout(this.#again);
    this.isRunning = false;
    this.#waiting.length = 0;
    this.#lost.abort();
  }

  #giveOut(): void {
    while (this.isRunning && this.#inHand < this.limit) {
      const held = this.#waiting.shift();
      if (held === undefined) return;
      this.#inHand += 1;
      this.options.onDelivery(this.#delivery(held));
    }
  }

  #giveBack(held: Held): void {
    const at = this.#waiting.findIndex(({ entry }) => entry.offset > held.entry.offset);
    // the process has not died of it
    this.#waiting.splice(at === -1 ? this.#waiting.length : at, 0, { ...held, redelivered: false });
    this.#again ??= setTimeout(() => {
      this.#again = undefined;
      this.#giveOut();
    }, AGAIN_AFTER);
  }

  #delivery(held: Held): Delivery {
    let isSettled = false;
    const settle = (how: () => void) => {
      if (isSettled || this.#lost.signal.aborted) return;
      isSettled = true;
      this.#inHand -= 1;
      how();
      this.options.onRoom();
    };
    const { exchange, routingKey, body, properties, origin } = held.entry;
    return {
      queue: this.options.queue,
      exchange,
      routingKey,
      body,
      properties: withoutOffset(properties),
      ...(origin !== undefined && { origin }),
      redelivered: held.redelivered,
      lost: this.#lost.signal,
      ack: () =>
        settle(() => {
          held.settle();
          this.#giveOut();
        }),
      requeue: () => settle(() => this.#giveBack(held)),
    };
  }
}

/** The place in the log is nothing that belongs to a copy of the message. */
function withoutOffset(properties: StreamEntry['properties']): MessageProperties & { readonly headers: Fields } {
  const { 'x-stream-offset': _, ...headers } = properties.headers;
  return { ...properties, headers };
}
