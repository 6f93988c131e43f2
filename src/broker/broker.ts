import type { FlotillaError } from '../errors.js';
import type { Fields } from './messages/amqp-fields.js';
import type { Topology, TopologyParts } from './topology/topology.js';

/** The AMQP 0-9-1 properties that this fleet uses. */
export interface MessageProperties {
  messageId?: string;
  type?: string;
  appId?: string;
  /** Seconds since the epoch. */
  timestamp?: number;
  correlationId?: string;
  contentType?: string;
  /** The AMQP user that published the message, as verified by RabbitMQ. For a republished message, the user from
   *  which it was received, empty if unknown. Not set when a message is published for the first time. */
  userId?: string;
  headers?: Fields;
}

/** A message to publish. */
export interface OutgoingMessage {
  exchange: string;
  routingKey: string;
  body: Uint8Array;
  properties: MessageProperties;
  /** Rejects with `broker.returned` when no queue accepts it. */
  mandatory?: boolean;
  /** The statement that a fleet with a key signs; unset: the message is passed on unchanged. */
  vouch?: Vouch | undefined;
}

/** `fleet`: a process of this fleet wrote the body. `outside`: it came from a publisher without the fleet's key;
 *  only the headers are the fleet's. `unverified`: it has no valid signature, and is trusted because signatures are
 *  not required. */
export type MessageOrigin = 'fleet' | 'outside' | 'unverified';

/** The statement that a publisher signs. */
export interface Vouch {
  origin: Exclude<MessageOrigin, 'unverified'>;
  /** The queue of the worker for which the headers are meant; unset for messages to the exchange of all events. */
  for?: string | undefined;
}

/** Returns the vouch for a republished message: the same origin, with headers for the worker of this queue. An
 *  unverified message is not vouched for. */
export function vouchAgain(origin: MessageOrigin | undefined, queue?: string): Vouch | undefined {
  return origin === 'unverified' ? undefined : { origin: origin ?? 'fleet', for: queue };
}

/** `ready`: accepts publishes. `blocked`: connected, but the broker accepts no publishes for now (memory or disk
 *  alarm). `connecting`: not connected, retrying. `closed`: permanently closed. */
export type BrokerState = 'connecting' | 'ready' | 'blocked' | 'closed';

/** Publishes persistent messages on a separate channel in confirm mode, which is reopened when it or its connection
 *  fails. */
export interface Publisher {
  readonly state: BrokerState;
  /**
   * Publishes a message. Resolves when the broker has confirmed it. Rejects with `broker.returned`, `broker.nacked`,
   * `broker.unencodable` (permanent), `broker.timeout`, `broker.disconnected`, `broker.not_permitted` (this message or
   * another one on the channel) or `broker.closed`; after all but the first three the broker may have the message:
   * publish again with the same message id. Rejects immediately with `broker.disconnected` while not `ready`.
   */
  publish(message: OutgoingMessage): Promise<void>;
  /** Drops the channel and opens a new one: every unconfirmed publish rejects with `broker.disconnected`, and none
   *  of them can arrive after a later one. */
  reset(): void;
  /** Resolves when publishes are accepted. Rejects with `broker.closed`, or the signal's reason. */
  ready(signal?: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** One message in flight. Exactly one of `ack` and `requeue` settles it; settling a message of a closed channel has
 *  no effect, because the broker delivers it again. */
export interface Delivery {
  readonly queue: string;
  readonly exchange: string;
  readonly routingKey: string;
  readonly body: Uint8Array;
  readonly properties: MessageProperties & { readonly headers: Fields };
  readonly redelivered: boolean;
  /** The origin of the message; undefined if the fleet has no key. */
  readonly origin?: MessageOrigin;
  /** Aborts when the channel that delivered it is closed: the message will be delivered again, to this or another
   *  consumer. */
  readonly lost: AbortSignal;
  ack(): void;
  requeue(): void;
}

/** Options of `Broker.consume`. */
export interface ConsumeOptions {
  /** Maximum number of messages in flight. */
  prefetch: number;
  /** Must not throw. */
  onDelivery: (delivery: Delivery) => void;
  /** Returns the consume arguments; called whenever consuming begins. */
  arguments?: () => Fields;
}

/** Where reading a stream begins: with the oldest retained entry, with the newest chunk, with new entries only, with
 *  an offset or the first one after it, or at a time (with the chunk that contains it, therefore somewhat earlier). */
export type StreamOffset = 'first' | 'last' | 'next' | number | Date;

/** One entry of a stream. Reading does not remove it. */
export interface StreamEntry {
  /** Its offset; offsets rise, with holes. */
  readonly offset: number;
  readonly exchange: string;
  readonly routingKey: string;
  /** That of `properties`, which may be verified when they are read. */
  readonly messageId: string | undefined;
  readonly body: Uint8Array;
  readonly properties: MessageProperties & { readonly headers: Fields };
  /** The origin of the event; undefined if the fleet has no key. */
  readonly origin?: MessageOrigin;
  /** Releases the entry, so that another one can be delivered. */
  done(): void;
}

/** Options of `Broker.readStream`. */
export interface ReadStreamOptions {
  from: StreamOffset;
  /** Maximum number of entries in flight. RabbitMQ delivers whole chunks, which may exceed it. */
  prefetch: number;
  /** Must not throw. */
  onEntry: (entry: StreamEntry) => void;
  /** Called whenever reading begins, including after a loss: the entry at the reader's offset may be another one
   *  then. Must not throw. */
  onBegin?: () => void;
}

/** Reads a stream in order, each entry once, and continues after every loss of channel or connection, until closed.
 *  If the stream is deleted and recreated, offsets begin at 0 again, and entries below the reader's offset are
 *  skipped: callers that store offsets must verify them. */
export interface StreamReader {
  /** Whether the subscription is active on the broker. */
  readonly reading: boolean;
  close(): Promise<void>;
}

/** Consumes one queue, and resumes after every loss of channel, connection or queue, until closed. */
export interface Consumer {
  /** Whether the consumer is registered with the broker. */
  readonly consuming: boolean;
  /** Stops deliveries; resolves when the last one has arrived. Messages in flight stay in flight and can be settled. */
  cancel(): Promise<void>;
  /** Resumes after `cancel`, optionally with another prefetch, which does not count messages still in flight.
   *  Resolves immediately without a channel: consuming begins with the next one. */
  resume(prefetch?: number): Promise<void>;
  /** Closes the channel: messages in flight return to the head of the queue, in order. They are behind messages that were
   *  returned earlier and not delivered since. */
  close(): Promise<void>;
}

/** A difference between the wanted topology and the broker's. `unanswered`: a queue that exists, or may exist, and
 *  does not answer. `retired`: a remaining queue of an earlier release. */
export interface TopologyDifference {
  kind: 'exchange' | 'queue' | 'binding';
  name: string;
  problem: 'missing' | 'conflict' | 'surplus' | 'unanswered' | 'retired';
  detail: string;
}

/** A queue that refuses messages. */
export interface RefusingQueue {
  name: string;
  /** `full: 10 messages, 10 are allowed by operator policy "limit"`. */
  reason: string;
}

/** A message broker. Two implementations: RabbitMQ, and memory for tests and single processes. */
export interface Broker {
  readonly state: BrokerState;
  /** The broker's reason for blocking publishers; undefined while it does not. */
  readonly blockedBy?: string | undefined;
  /** The latest `broker.not_permitted` of a publisher that has had no message confirmed since. */
  readonly publishRefusal?: FlotillaError | undefined;
  /** Registers a listener for changes of the state. Returns a function that unregisters it. */
  onState(listener: (state: BrokerState) => void): () => void;
  /** Resolves when the state is `ready`. Rejects with `broker.closed`, or the signal's reason. */
  ready(signal?: AbortSignal): Promise<void>;
  /** Creates a publisher. `timeout`: milliseconds until a publish without a confirm rejects. */
  createPublisher(options?: { timeout?: number }): Publisher;
  /** Starts a consumer. Returns immediately; consuming begins when the broker and the queue are available. */
  consume(queue: string, options: ConsumeOptions): Consumer;
  /** Starts a stream reader. Returns immediately; reading begins when the broker and the stream are available. From
   *  'next', entries published before the first connection are not read. */
  readStream(stream: string, options: ReadStreamOptions): StreamReader;
  /**
   * Declares missing parts of a topology. Idempotent; waits for the broker. Resolves with the differences found; of
   * these, unanswered queues and those of earlier releases remain.
   *
   * It compares first: a difference in an immutable argument throws `broker.topology_conflict` without other changes.
   * Parts that cannot be declared now are named by `broker.topology_incomplete` after all others were declared: call
   * again. Rejects with `broker.not_permitted` if a part is missing that the AMQP user may not declare.
   *
   * Removes surplus bindings of its queues, if the management API can list them. Moves the messages of earlier
   * releases' queues to their successors and deletes the queues, and declares queues that do not answer with their
   * bindings, retrying until the broker is closed. Parts that disappear later and that a consumer or publisher of this
   * broker misses are declared again.
   *
   * Of each choice it declares the variant that the broker has; see `withVariants`.
   */
  applyTopology(topology: Topology, signal?: AbortSignal): Promise<TopologyDifference[]>;
  /** Returns the differences that `applyTopology` would change, and queues that do not answer. Reads only. */
  planTopology(topology: Topology): Promise<TopologyDifference[]>;
  /** Unbinds and deletes these parts, in this order: bindings, queues with their messages, exchanges. Succeeds if one does not
   *  exist. They are not declared again when they are missed. */
  removeTopology(parts: TopologyParts): Promise<void>;
  /** Whether an exchange exists. */
  hasExchange(name: string): Promise<boolean>;
  /** Returns the ready messages and consumers of a queue; undefined if the queue does not exist. Rejects with
   *  `broker.no_answer` if the queue exists but does not answer within some seconds, or its node is down. */
  queueDepth(queue: string): Promise<{ ready: number; consumers: number } | undefined>;
  /** Finds the queues that would receive a message and refuse it because they are full or down, to explain
   *  `broker.nacked`. Rejects with `broker.management` if they cannot be determined. */
  findRefusing(exchange: string, routingKey: string): Promise<RefusingQueue[]>;
  close(): Promise<void>;
}
