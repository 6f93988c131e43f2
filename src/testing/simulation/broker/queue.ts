import type { MessageProperties } from '../../../broker/broker.js';
import type { Fields } from '../../../broker/messages/amqp-fields.js';
import type { StartTimer } from '../../../concurrency/clock.js';

/** A message for one worker, or one of several copies of it. */
export interface QueuedMessage {
  /** The delivery as faults count it; the same for copies and later attempts. */
  readonly number: number;
  /** For the trace: `payment.process order/o1 (delivery 4)`. */
  readonly title: string;
  /** The same in every run in which it comes up. */
  readonly name: string;
  readonly exchange: string;
  readonly routingKey: string;
  readonly body: Uint8Array;
  readonly properties: MessageProperties & { readonly headers: Fields };
  /** How often it was delivered and returned. */
  returns: number;
  /** Its position in the queue. */
  position: number;
}

/** Takes messages from a queue. */
export interface QueueConsumer {
  readonly wants: boolean;
  take(message: QueuedMessage): void;
}

/** The queue of a worker, whose replicas take turns. A returned message keeps its position. */
export class SimulatedQueue {
  readonly #ready: QueuedMessage[] = [];
  #consumers: QueueConsumer[] = [];
  #positions = 0;
  #scheduled = false;

  constructor(private readonly after: StartTimer) {}

  push(message: QueuedMessage): void {
    message.position = this.#positions++;
    this.#ready.push(message);
    this.schedule();
  }

  requeue(message: QueuedMessage): void {
    message.returns += 1;
    const at = this.#ready.findIndex(({ position }) => position > message.position);
    this.#ready.splice(at === -1 ? this.#ready.length : at, 0, message);
    this.schedule();
  }

  add(consumer: QueueConsumer): void {
    if (!this.#consumers.includes(consumer)) this.#consumers.push(consumer);
    this.schedule();
  }

  remove(consumer: QueueConsumer): void {
    this.#consumers = this.#consumers.filter((each) => each !== consumer);
  }

  /** Hands out one message in a task of its own, and the next in another. */
  schedule(): void {
    if (this.#scheduled || this.#ready.length === 0 || !this.#consumers.some(({ wants }) => wants)) return;
    this.#scheduled = true;
    this.after(0, () => {
      this.#scheduled = false;
      const consumer = this.#consumers.find(({ wants }) => wants);
      const message = consumer === undefined ? undefined : this.#ready.shift();
      if (consumer === undefined || message === undefined) return;
      this.#consumers = [...this.#consumers.filter((each) => each !== consumer), consumer];
      consumer.take(message);
      this.schedule();
    });
  }
}
