import type { MessageProperties } from '../../../broker/broker.js';
import type { Fields } from '../../../broker/messages/amqp-fields.js';
import type { StartTimer } from '../../../concurrency/clock.js';

/** A message for one worker, or its copies and later attempts. */
export interface MessageIdentity {
  /** The number of the delivery for faults; the same for copies and later attempts. */
  readonly number: number;
  /** For the trace: `payment.process order/o1 (delivery 4)`. */
  readonly title: string;
  /** The same name in every run that contains the message. */
  readonly name: string;
}

/** A message in a queue. */
export interface QueuedMessage extends MessageIdentity {
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

/** A queue of a worker: with round-robin delivery to its replicas, or with a single active consumer. A requeued message keeps its
 *  position. */
export class SimulatedQueue {
  readonly #ready: QueuedMessage[] = [];
  #consumers: QueueConsumer[] = [];
  #positions = 0;
  #scheduled = false;

  constructor(
    private readonly after: StartTimer,
    /** Whether the consumer that was added first receives all messages. */
    private readonly hasSingleConsumer = false,
  ) {}

  get #receiver(): QueueConsumer | undefined {
    return (this.hasSingleConsumer ? this.#consumers.slice(0, 1) : this.#consumers).find(({ wants }) => wants);
  }

  get depth(): { ready: number; consumers: number } {
    return { ready: this.#ready.length, consumers: this.#consumers.length };
  }

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
    this.schedule();
  }

  /** Delivers one message per task. */
  schedule(): void {
    if (this.#scheduled || this.#ready.length === 0 || this.#receiver === undefined) return;
    this.#scheduled = true;
    this.after(0, () => {
      this.#scheduled = false;
      const consumer = this.#receiver;
      const message = consumer === undefined ? undefined : this.#ready.shift();
      if (consumer === undefined || message === undefined) return;
      if (!this.hasSingleConsumer) this.#consumers = [...this.#consumers.filter((each) => each !== consumer), consumer];
      consumer.take(message);
      this.schedule();
    });
  }
}
