import type { MessageProperties } from '../../broker/contract.js';
import type { Fields } from '../../broker/fields.js';
import type { StartTimer } from '../../concurrency/clock.js';

/** A message for one worker, or one of several copies of it. */
export interface QueuedMessage {
  /** The delivery as faults count it; the same for copies and later attempts. */
  readonly number: number;
  /** How people call it: `payment.process order/o1 (delivery 4)`. */
  readonly title: string;
  /** The same in every run in which it comes up. */
  readonly name: string;
  readonly exchange: string;
  readonly routingKey: string;
  readonly body: Uint8Array;
  readonly properties: MessageProperties & { readonly headers: Fields };
  /** How often it was handed out and came back. */
  returns: number;
  /** Its place in the queue. */
  place: number;
}

/** Who takes messages from a queue. */
export interface Taker {
  readonly wants: boolean;
  take(message: QueuedMessage): void;
}

/** The queue of a worker, whose replicas take turns. What comes back has its place again. */
export class SimulatedQueue {
  readonly #ready: QueuedMessage[] = [];
  #takers: Taker[] = [];
  #places = 0;
  #scheduled = false;

  constructor(private readonly after: StartTimer) {}

  push(message: QueuedMessage): void {
    message.place = this.#places++;
    this.#ready.push(message);
    this.schedule();
  }

  giveBack(message: QueuedMessage): void {
    message.returns += 1;
    const at = this.#ready.findIndex(({ place }) => place > message.place);
    this.#ready.splice(at === -1 ? this.#ready.length : at, 0, message);
    this.schedule();
  }

  add(taker: Taker): void {
    if (!this.#takers.includes(taker)) this.#takers.push(taker);
    this.schedule();
  }

  remove(taker: Taker): void {
    this.#takers = this.#takers.filter((each) => each !== taker);
  }

  /** Hands out one message in a task of its own, and the next in another. */
  schedule(): void {
    if (this.#scheduled || this.#ready.length === 0 || !this.#takers.some(({ wants }) => wants)) return;
    this.#scheduled = true;
    this.after(0, () => {
      this.#scheduled = false;
      const taker = this.#takers.find(({ wants }) => wants);
      const message = taker === undefined ? undefined : this.#ready.shift();
      if (taker === undefined || message === undefined) return;
      this.#takers = [...this.#takers.filter((each) => each !== taker), taker];
      taker.take(message);
      this.schedule();
    });
  }
}
