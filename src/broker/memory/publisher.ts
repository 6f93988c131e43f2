import { FlotillaError } from '../../errors.js';
import type { OutgoingMessage, Publisher } from '../broker.js';
import { isEncodable } from '../messages/republish.js';
import type { StateCell } from '../broker-state.js';

/** The result of routing a message. */
export type Routed = 'taken' | 'unroutable' | 'refused' | 'no_exchange';

interface Unconfirmed {
  message: OutgoingMessage;
  routed: Routed;
  resolve: () => void;
  reject: (error: Error) => void;
}

/** Confirms in a later tick, as a real broker does. */
export class MemoryPublisher implements Publisher {
  readonly #broker: StateCell;
  readonly #route: (message: OutgoingMessage) => Routed;
  readonly #onClose: (publisher: MemoryPublisher) => void;
  #unconfirmed: Unconfirmed[] = [];
  #confirming = false;
  #closed = false;

  constructor(
    broker: StateCell,
    routeMessage: (message: OutgoingMessage) => Routed,
    onClose: (publisher: MemoryPublisher) => void,
  ) {
    this.#broker = broker;
    this.#route = routeMessage;
    this.#onClose = onClose;
  }

  get state() {
    return this.#closed ? 'closed' : this.#broker.value;
  }

  publish(message: OutgoingMessage): Promise<void> {
    const { state } = this;
    if (state === 'closed') return Promise.reject(new FlotillaError('broker.closed'));
    if (state !== 'ready') {
      return Promise.reject(new FlotillaError('broker.disconnected', `not sent: the broker is ${state}`));
    }
    if (!isEncodable(message)) return Promise.reject(new FlotillaError('broker.unencodable'));
    return new Promise((resolve, reject) => {
      this.#unconfirmed.push({ message, routed: this.#route(message), resolve, reject });
      this.#schedule();
    });
  }

  reset(): void {
    this.fail(new FlotillaError('broker.disconnected', 'the channel was reset'));
  }

  /** Rejects all unconfirmed publishes. */
  fail(reason: Error): void {
    const all = this.#unconfirmed;
    this.#unconfirmed = [];
    for (const { reject } of all) reject(reason);
  }

  async ready(signal?: AbortSignal): Promise<void> {
    if (this.#closed) throw new FlotillaError('broker.closed');
    await this.#broker.until(['ready'], signal);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#onClose(this);
    this.fail(new FlotillaError('broker.closed'));
  }

  #schedule(): void {
    if (this.#confirming) return;
    this.#confirming = true;
    setImmediate(() => {
      this.#confirming = false;
      const all = this.#unconfirmed;
      this.#unconfirmed = [];
      for (const [index, each] of all.entries()) {
        // as on RabbitMQ, this closes the channel with all unconfirmed publishes
        if (each.routed === 'no_exchange') {
          const reason = new FlotillaError('broker.disconnected', `no exchange '${each.message.exchange}'`);
          for (const { reject } of all.slice(index)) reject(reason);
          return;
        }
        confirm(each);
      }
    });
  }
}

function confirm({ message, routed, resolve, reject }: Unconfirmed): void {
  if (routed === 'refused') reject(new FlotillaError('broker.nacked'));
  else if (routed === 'unroutable' && message.mandatory === true) {
    const detail = `exchange "${message.exchange}", routing key "${message.routingKey}"`;
    reject(new FlotillaError('broker.returned', detail));
  } else resolve();
}
