import { setMaxListeners } from 'node:events';
import { FlotillaError, messageOf } from '../../errors.js';
import type { ConsumeOptions, Consumer, Delivery } from '../broker.js';
import type { MemoryQueue, QueuedMessage, Taker } from './queue.js';

/** A consumer and its channel. The broker attaches it when the queue exists and it is connected, and detaches it
 *  when either is lost. */
export class MemoryConsumer implements Consumer, Taker {
  readonly #options: ConsumeOptions;
  readonly #onClose: (consumer: MemoryConsumer) => void;
  readonly #inFlight = new Set<QueuedMessage>();
  #prefetch: number;
  /** Messages delivered before a `cancel`: they do not count against the prefetch of the resumed consumer. */
  #before = 0;
  #wanted = true;
  #queue: MemoryQueue | undefined;
  #channel = new AbortController();

  constructor(
    readonly queue: string,
    options: ConsumeOptions,
    onClose: (consumer: MemoryConsumer) => void,
  ) {
    this.#options = options;
    this.#prefetch = options.prefetch;
    this.#onClose = onClose;
    setMaxListeners(0, this.#channel.signal);
  }

  get consuming(): boolean {
    return this.#queue !== undefined && this.#wanted;
  }

  get wants(): boolean {
    return this.#wanted && this.#inFlight.size - this.#before < this.#prefetch;
  }

  attach(queue: MemoryQueue): void {
    if (this.#queue === queue) return;
    this.#queue = queue;
    if (this.#wanted) queue.add(this);
  }

  /** Ends the channel: messages in flight return to the queue, and another channel begins. */
  detach(): void {
    const queue = this.#queue;
    const channel = this.#channel;
    const inFlight = [...this.#inFlight];
    this.#queue = undefined;
    this.#inFlight.clear();
    this.#before = 0;
    this.#channel = new AbortController();
    setMaxListeners(0, this.#channel.signal);
    queue?.remove(this);
    for (const message of inFlight) queue?.requeue(message);
    channel.abort(new FlotillaError('broker.disconnected'));
  }

  take(message: QueuedMessage): void {
    const queue = this.#queue;
    if (queue === undefined) return;
    const { signal: lost } = this.#channel;
    this.#inFlight.add(message);
    const settle = (after: () => void) => {
      if (lost.aborted || !this.#inFlight.delete(message)) return;
      this.#before = Math.min(this.#before, this.#inFlight.size);
      after();
      queue.schedule();
    };
    const delivery: Delivery = {
      queue: this.queue,
      exchange: message.exchange,
      routingKey: message.routingKey,
      body: message.body,
      properties: propertiesOf(message),
      redelivered: message.returns > 0,
      lost,
      ack: () => settle(() => undefined),
      requeue: () => settle(() => queue.requeue(message)),
    };
    try {
      this.#options.onDelivery(delivery);
    } catch (error) {
      process.emitWarning(`onDelivery threw: ${messageOf(error)}`);
    }
  }

  async cancel(): Promise<void> {
    this.#wanted = false;
    this.#before = this.#inFlight.size;
    this.#queue?.remove(this);
  }

  async resume(prefetch = this.#prefetch): Promise<void> {
    this.#prefetch = prefetch;
    this.#wanted = true;
    this.#queue?.add(this);
  }

  async close(): Promise<void> {
    this.#wanted = false;
    this.#onClose(this);
    this.detach();
  }
}

function propertiesOf({ properties, returns }: QueuedMessage): Delivery['properties'] {
  if (returns === 0) return properties;
  return { ...properties, headers: { ...properties.headers, 'x-delivery-count': returns } };
}
