import type { ConsumeOptions, Consumer, Delivery } from '../../../broker/broker.js';
import type { QueuedMessage, SimulatedQueue, QueueConsumer } from './queue.js';

/** Consumes a queue for one process, and requeues its messages in flight after a crash. */
export class SimulatedConsumer implements Consumer, QueueConsumer {
  readonly #inFlight = new Set<QueuedMessage>();
  readonly #lost = new AbortController();
  #prefetch: number;
  /** Messages in flight since before a `cancel`; they do not count against the prefetch. */
  #before = 0;
  #wanted = true;

  constructor(
    private readonly name: string,
    private readonly queue: SimulatedQueue,
    private readonly options: ConsumeOptions,
    /** Delivers a message, unless a fault crashes the process. */
    private readonly dispatch: (message: QueuedMessage, deliver: () => void) => void,
  ) {
    this.#prefetch = options.prefetch;
    queue.add(this);
  }

  get consuming(): boolean {
    return this.#wanted;
  }

  get wants(): boolean {
    return this.#wanted && this.#inFlight.size - this.#before < this.#prefetch;
  }

  get inFlight(): readonly QueuedMessage[] {
    return [...this.#inFlight];
  }

  take(message: QueuedMessage): void {
    this.#inFlight.add(message);
    this.dispatch(message, () => this.options.onDelivery(this.#delivery(message)));
  }

  async cancel(): Promise<void> {
    this.#wanted = false;
    this.#before = this.#inFlight.size;
    this.queue.remove(this);
  }

  async resume(prefetch = this.#prefetch): Promise<void> {
    this.#prefetch = prefetch;
    this.#wanted = true;
    this.queue.add(this);
  }

  async close(): Promise<void> {
    this.leave();
    this.#lost.abort();
  }

  /** Closes the channel, without the knowledge of the process. */
  leave(): void {
    void this.cancel();
    const inFlight = this.inFlight;
    this.#inFlight.clear();
    for (const message of inFlight) this.queue.requeue(message);
  }

  #delivery(message: QueuedMessage): Delivery {
    const { exchange, routingKey, body, returns } = message;
    const settle = (after: () => void) => {
      if (!this.#inFlight.delete(message)) return;
      this.#before = Math.min(this.#before, this.#inFlight.size);
      after();
      this.queue.schedule();
    };
    return {
      queue: this.name,
      exchange,
      routingKey,
      body,
      properties: propertiesOf(message),
      redelivered: returns > 0,
      lost: this.#lost.signal,
      ack: () => settle(() => undefined),
      requeue: () => settle(() => this.queue.requeue(message)),
    };
  }
}

function propertiesOf({ properties, returns }: QueuedMessage): Delivery['properties'] {
  if (returns === 0) return properties;
  return { ...properties, headers: { ...properties.headers, 'x-delivery-count': returns } };
}
