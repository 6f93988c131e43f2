import type { MessageProperties } from '../../../broker/broker.js';
import type { Fields } from '../../../broker/messages/amqp-fields.js';
import type { StartTimer } from '../../../concurrency/clock.js';

/** A message for one worker, or one of several copies of it. */
export interface QueuedMessage {
  /** The number of the delivery for faults; the same for copies and later attempts. */
  readonly number: number;
  /** For the trace: `payment.process order/o1 (delivery 4)`. */
  readonly title: string;
  /** The same name in every run that contains the message. */
  readonly name: string;
  readonly exchange: string;
  readonly routingKey: string;
  readonly body: Uint8Array;
  readonly properties: MessageProperties & { readonly headers: Fields };
  /** How often it was delivered and requeued. */
  returns: number;
  /** Its position in the queue. */
  position: number;
}

/** Receives messages from a queue. */
export interface QueueConsumer {
  readonly wants: boolean;
  take(message: QueuedMessage): void;
}

/** The queue of a worker, with round-robin delivery to its replicas. A requeued message keeps its position. */
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

  /** Delivers one message per task. */
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
