import type { Broker, Delivery, MessageOrigin, OutgoingMessage, Publisher, StreamEntry } from '../broker.js';
import type { Fields } from '../messages/amqp-fields.js';
import { HEADERS } from '../messages/headers.js';
import type { FleetKeys } from './fleet-keys.js';
import { isSigned, signed, withoutControl } from './signature.js';

/** `require`: a message without a valid signature is `outside`, and its fleet headers are removed. `warn`: it is
 *  reported, and trusted. `off`: it is trusted. Messages are signed in any case. */
export type Verification = 'off' | 'warn' | 'require';

export interface SigningOptions {
  keys: FleetKeys;
  verification: Verification;
  /** Called for each message without a valid signature that `queue` has delivered, except with `off`; for an entry of a
   *  stream when its origin or properties are read. Must not throw. */
  onUnsigned?: (queue: string) => void;
  /** The exchange to which devices publish, which have no key: their messages are not reported. @default none */
  devices?: string;
}

/** Wraps a broker: signs vouched messages of its publishers, and determines the origin of each message received. */
export function signedBroker(broker: Broker, options: SigningOptions): Broker {
  const { devices, keys, verification } = options;
  const ofDevices = { keys, verification };
  const verified = (delivery: Delivery) =>
    new VerifiedDelivery(delivery, delivery.exchange === devices ? ofDevices : options);
  return {
    get state() {
      return broker.state;
    },
    get blockedBy() {
      return broker.blockedBy;
    },
    get publishRefusal() {
      return broker.publishRefusal;
    },
    onState: (listener) => broker.onState(listener),
    ready: (signal) => broker.ready(signal),
    applyTopology: (topology, signal) => broker.applyTopology(topology, signal),
    planTopology: (topology) => broker.planTopology(topology),
    removeTopology: (parts) => broker.removeTopology(parts),
    hasExchange: (name) => broker.hasExchange(name),
    queueDepth: (queue) => broker.queueDepth(queue),
    findRefusing: (exchange, routingKey) => broker.findRefusing(exchange, routingKey),
    close: () => broker.close(),
    createPublisher: (publisherOptions) => signedPublisher(broker.createPublisher(publisherOptions), options.keys),
    consume: (queue, { onDelivery, ...rest }) =>
      broker.consume(queue, { ...rest, onDelivery: (delivery) => onDelivery(verified(delivery)) }),
    readStream: (stream, { onEntry, ...rest }) =>
      broker.readStream(stream, {
        ...rest,
        onEntry: (entry) => onEntry(new VerifiedEntry(entry, stream, options)),
      }),
  };
}

function signedPublisher(publisher: Publisher, keys: FleetKeys): Publisher {
  return {
    get state() {
      return publisher.state;
    },
    reset: () => publisher.reset(),
    ready: (signal) => publisher.ready(signal),
    close: () => publisher.close(),
    publish: (message) => publisher.publish(vouched(message, keys)),
  };
}

/** Messages without a vouch are passed on unchanged, including their signature. */
function vouched(message: OutgoingMessage, keys: FleetKeys): OutgoingMessage {
  const { vouch, body, properties } = message;
  if (vouch === undefined) return message;
  const { [HEADERS.for]: _for, [HEADERS.outside]: _outside, ...headers } = properties.headers ?? {};
  const own: Fields = {
    ...(vouch.for !== undefined && { [HEADERS.for]: vouch.for }),
    ...(vouch.origin === 'outside' && { [HEADERS.outside]: true }),
  };
  return { ...message, properties: signed(keys, body, { ...properties, headers: { ...headers, ...own } }) };
}

class VerifiedDelivery implements Delivery {
  readonly queue: string;
  readonly exchange: string;
  readonly routingKey: string;
  readonly body: Uint8Array;
  readonly redelivered: boolean;
  readonly origin: MessageOrigin;
  readonly properties: Delivery['properties'];
  readonly #delivery: Delivery;

  constructor(delivery: Delivery, options: SigningOptions) {
    this.#delivery = delivery;
    this.queue = delivery.queue;
    this.exchange = delivery.exchange;
    this.routingKey = delivery.routingKey;
    this.body = delivery.body;
    this.redelivered = delivery.redelivered;
    const { origin, properties } = verify(delivery, delivery.queue, options);
    this.origin = origin;
    this.properties = properties;
  }

  get lost(): AbortSignal {
    return this.#delivery.lost;
  }

  ack(): void {
    this.#delivery.ack();
  }

  requeue(): void {
    this.#delivery.requeue();
  }
}

/** Verified when its origin or properties are read: a reader that passes over an entry needs neither. */
class VerifiedEntry implements StreamEntry {
  readonly offset: number;
  readonly exchange: string;
  readonly routingKey: string;
  readonly messageId: string | undefined;
  readonly body: Uint8Array;
  readonly #entry: StreamEntry;
  readonly #stream: string;
  readonly #options: SigningOptions;
  #verified: Verified | undefined;

  constructor(entry: StreamEntry, stream: string, options: SigningOptions) {
    this.#entry = entry;
    this.#stream = stream;
    this.#options = options;
    this.offset = entry.offset;
    this.exchange = entry.exchange;
    this.routingKey = entry.routingKey;
    this.messageId = entry.messageId;
    this.body = entry.body;
  }

  get origin(): MessageOrigin {
    return this.#verify().origin;
  }

  get properties(): StreamEntry['properties'] {
    return this.#verify().properties;
  }

  done(): void {
    this.#entry.done();
  }

  #verify(): Verified {
    this.#verified ??= verify(this.#entry, this.#stream, this.#options);
    return this.#verified;
  }
}

type Verified = Required<Pick<Delivery, 'origin' | 'properties'>>;

function verify({ body, properties }: Pick<Delivery, 'body' | 'properties'>, queue: string, options: SigningOptions) {
  const { headers } = properties;
  if (isSigned(options.keys, body, properties) && isFor(queue, headers[HEADERS.for])) {
    return { origin: headers[HEADERS.outside] === true ? 'outside' : 'fleet', properties } satisfies Verified;
  }
  if (options.verification !== 'off') options.onUnsigned?.(queue);
  if (options.verification !== 'require') return { origin: 'unverified', properties } satisfies Verified;
  return { origin: 'outside', properties: { ...properties, headers: withoutControl(headers) } } satisfies Verified;
}

/** Whether the headers were signed for the worker of this queue; at any other worker they are invalid. */
function isFor(queue: string, worker: Fields[string] | undefined): boolean {
  if (worker === undefined) return true;
  if (typeof worker !== 'string') return false;
  return (
    queue === worker ||
    queue === `${worker}.dead` ||
    queue === `${worker}.newer` ||
    queue === `${worker}.mark` ||
    queue.startsWith(`${worker}.p`) ||
    queue.startsWith(`${worker}.retry.`)
  );
}
