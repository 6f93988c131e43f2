import type { Fields } from './messages/amqp-fields.js';
import type { Topology } from './topology/topology.js';

/** The AMQP 0-9-1 properties this fleet uses. */
export interface MessageProperties {
  messageId?: string;
  type?: string;
  appId?: string;
  /** Seconds since the epoch. */
  timestamp?: number;
  correlationId?: string;
  contentType?: string;
  /** The AMQP user that published the message, as RabbitMQ has verified; of a message that is published again, the one it
   *  was received from, empty where that is not known. Not set where a message is published for the first time. */
  userId?: string;
  headers?: Fields;
}

export interface OutgoingMessage {
  exchange: string;
  routingKey: string;
  body: Uint8Array;
  properties: MessageProperties;
  /** Rejects with `broker.returned` when no queue takes it. */
  mandatory?: boolean;
  /** What a fleet with a key signs this as; unset: passed on as it is. */
  vouch?: Vouch | undefined;
}

/** `fleet`: a process of this fleet wrote the body. `outside`: it came from a publisher without the fleet's key; only the
 *  headers are the fleet's. `unverified`: it has no valid signature, and is believed because signatures are not required. */
export type MessageOrigin = 'fleet' | 'outside' | 'unverified';

/** What a publisher vouches for. */
export interface Vouch {
  origin: Exclude<MessageOrigin, 'unverified'>;
  /** The queue of the worker for which the headers are meant; unset for what goes to the exchange of all. */
  for?: string | undefined;
}

/** The same origin for a message that is published again, with the headers for the worker of this queue. What was not
 *  verified is not vouched for. */
export function vouchAgain(origin: MessageOrigin | undefined, queue?: string): Vouch | undefined {
  return origin === 'unverified' ? undefined : { origin: origin ?? 'fleet', for: queue };
}

/** `ready`: publishes are taken. `blocked`: connected, but the broker takes no publishes for now (memory or disk
 *  alarm). `connecting`: there is none, and one is being tried for. `closed`: for good. */
export type BrokerState = 'connecting' | 'ready' | 'blocked' | 'closed';

/** A channel of its own in confirm mode, made anew when it or its connection fails. Messages are persistent. */
export interface Publisher {
  readonly state: BrokerState;
  /** Resolves once the broker has confirmed. Rejects with `broker.returned`, `broker.nacked`, `broker.unencodable`,
   *  `broker.timeout`, `broker.disconnected`, `broker.not_permitted` (this message or one published beside it) or
   *  `broker.closed`; all but the first three leave open whether the broker has
   *  the message: publish again with the same message id. `broker.unencodable`: it never can be. While not `ready` it
   *  rejects at once with `broker.disconnected`. */
  publish(message: OutgoingMessage): Promise<void>;
  /** Drops the channel: every publish without a confirm rejects with `broker.disconnected`, none of them can arrive
   *  after a later one, and a new channel is made. */
  reset(): void;
  /** Resolves when publishes are taken. Rejects with `broker.closed`, or the signal's reason. */
  ready(signal?: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** One message in flight. Exactly one of `ack` and `requeue` settles it; settling a message of a channel that is gone
 *  does nothing, as the broker delivers it again. */
export interface Delivery {
  readonly queue: string;
  readonly exchange: string;
  readonly routingKey: string;
  readonly body: Uint8Array;
  readonly properties: MessageProperties & { readonly headers: Fields };
  readonly redelivered: boolean;
  /** Whose message it is; undefined where the fleet has no key. */
  readonly origin?: MessageOrigin;
  /** Aborts when the channel that delivered it is gone: the message will come again, here or elsewhere. */
  readonly lost: AbortSignal;
  ack(): void;
  requeue(): void;
}

export interface ConsumeOptions {
  /** Messages in flight at once. */
  prefetch: number;
  /** Must not throw. */
  onDelivery: (delivery: Delivery) => void;
  /** Consume arguments; asked for anew at every beginning. */
  arguments?: () => Fields;
}

/** Where reading a stream begins: with the oldest entry that is kept, with the newest ones, with what comes from now on,
 *  with an offset or the first one after it, or with what was published from a time on (to the chunk: somewhat earlier). */
export type StreamOffset = 'first' | 'last' | 'next' | number | Date;

/** One entry of a stream. Reading takes nothing out of it. */
export interface StreamEntry {
  /** Its place; rises, not without holes. */
  readonly offset: number;
  readonly exchange: string;
  readonly routingKey: string;
  readonly body: Uint8Array;
  readonly properties: MessageProperties & { readonly headers: Fields };
  /** Whose event it is; undefined where the fleet has no key. */
  readonly origin?: MessageOrigin;
  /** Makes room for another one. */
  done(): void;
}

export interface ReadStreamOptions {
  from: StreamOffset;
  /** Entries in flight at once. RabbitMQ hands out what it has written together as a whole, which may be more. */
  prefetch: number;
  /** Must not throw. */
  onEntry: (entry: StreamEntry) => void;
  /** Called whenever reading begins, after a loss again: what lies at the reader's place may be another entry by then.
   *  Must not throw. */
  onBegin?: () => void;
}

/** Reads a stream, in order and each entry once, on after every loss of channel or connection, until closed. A stream that
 *  is deleted and made anew begins at offset 0 again, and what lies below the reader's place is not seen: whoever keeps
 *  offsets verifies them. */
export interface StreamReader {
  /** Whether the broker knows of this reader right now. */
  readonly reading: boolean;
  close(): Promise<void>;
}

/** Consumes one queue, again after every loss of channel, connection or queue, until closed. */
export interface Consumer {
  /** Whether the broker knows of this consumer right now. */
  readonly consuming: boolean;
  /** Stops deliveries; resolves when no more come. What is in flight stays in flight and can be settled. */
  cancel(): Promise<void>;
  /** Consumes again, after `cancel`, with another prefetch if one is given, which doesn't count what is still in flight.
   *  Resolves at once where there is no channel: consuming begins with the next. */
  resume(prefetch?: number): Promise<void>;
  /** Closes the channel: what is in flight goes back to the head of the queue, in order. */
  close(): Promise<void>;
}

/** What is different between the topology that is wanted and the broker's. `unanswered`: a queue that exists, or may
 *  exist, and does not answer. `retired`: a queue of an earlier release that is still there. */
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

/** Carries messages. Two implementations: RabbitMQ, and memory for tests and single processes. */
export interface Broker {
  readonly state: BrokerState;
  /** Why publishers are blocked, as the broker puts it; undefined while they are not. */
  readonly blockedBy?: string | undefined;
  /** Called at every change of state. Returns the way to stop it. */
  onState(listener: (state: BrokerState) => void): () => void;
  /** Resolves when the state is `ready`. Rejects with `broker.closed`, or the signal's reason. */
  ready(signal?: AbortSignal): Promise<void>;
  createPublisher(options?: { timeout?: number }): Publisher;
  /** Resolves at once; consuming begins when the broker and the queue are there. */
  consume(queue: string, options: ConsumeOptions): Consumer;
  /** Resolves at once; reading begins when the broker and the stream are there. From 'next', what comes while there is
   *  no connection yet is not seen. */
  readStream(stream: string, options: ReadStreamOptions): StreamReader;
  /** Declares what is missing and leaves alone what exists. Compares first: an argument that differs and cannot be
   *  changed throws `broker.topology_conflict` and changes nothing else. Bindings of its queues that it doesn't have are
   *  taken away where the broker can be asked for them. Queues of earlier releases are emptied into their successors and
   *  deleted; while that is not possible it is retried until the broker is closed. What cannot be declared now is named
   *  by `broker.topology_incomplete`, once everything else is declared: call again. Rejects with `broker.not_permitted`
   *  where something is missing that the AMQP user may not declare; what exists, it need not be allowed to declare. Resolves with the differences that
   *  it found, of which the queues that did not answer and those of earlier releases remain. What disappears later and
   *  is missed by a consumer or publisher of this broker is declared again. Waits for the broker; idempotent. */
  applyTopology(topology: Topology, signal?: AbortSignal): Promise<TopologyDifference[]>;
  /** What `applyTopology` would have to change, and queues that do not answer; reads only. */
  planTopology(topology: Topology): Promise<TopologyDifference[]>;
  /** Messages ready, and consumers, of a queue; undefined where there is no such queue. Rejects with `broker.no_answer`
   *  where the queue exists but does not answer within some seconds, or its node is down. */
  queueDepth(queue: string): Promise<{ ready: number; consumers: number } | undefined>;
  /** The queues that a message would reach and that refuse it: they are full, or down. What a publish that rejects with
   *  `broker.nacked` does not say. Rejects with `broker.management` where that cannot be found out. */
  findRefusing(exchange: string, routingKey: string): Promise<RefusingQueue[]>;
  close(): Promise<void>;
}
