import type { Fields } from '../messages/amqp-fields.js';
import { PARTITION_COUNTS, partitionHeader, type PartitionCount } from '../messages/slot-headers.js';
import { formatDuration } from '../../duration.js';

/** An exchange to declare. */
export interface ExchangeSpec {
  name: string;
  type: 'topic' | 'fanout' | 'direct' | 'headers';
  arguments?: Fields;
}

/** A queue to declare. */
export interface QueueSpec {
  name: string;
  arguments: Fields;
}

/** A binding to declare. */
export interface BindingSpec {
  source: string;
  destination: string;
  kind: 'queue' | 'exchange';
  routingKey: string;
  arguments?: Fields;
}

/** A queue of an earlier release: its messages move to another queue, then it is deleted. */
export interface RetiredQueue {
  name: string;
  /** The exchange that it was bound to, without a routing key. */
  boundTo: string;
  /** The queue of the topology that receives its messages. */
  successor: string;
}

/** The exchanges, queues and bindings of a fleet; all of them are durable. */
export interface Topology {
  exchanges: ExchangeSpec[];
  queues: QueueSpec[];
  bindings: BindingSpec[];
  retired?: RetiredQueue[];
  /** Of each, the broker has one variant at a time; the first one is declared if it has none. */
  choices?: Variant[][];
}

export type TopologyParts = Pick<Topology, 'exchanges' | 'queues' | 'bindings'>;

/** Exchanges, queues and bindings that belong together. */
export interface Variant extends TopologyParts {
  /** Exists in a broker that has this variant. */
  exchange: string;
  /** Lets messages in. */
  entry: BindingSpec;
}

/** The properties of a worker that determine its topology. */
export interface WorkerQueues {
  name: string;
  /** The topic patterns of its bindings. */
  patterns: readonly string[];
  /** Retry delays in milliseconds; each has a queue. */
  retryDelays: readonly number[];
  /** The queues of a worker that handles messages in order. */
  ordered?: OrderedQueues | undefined;
  /** The topic patterns of the messages of devices, and of those to devices. */
  telemetry?: { patterns: readonly string[]; replies: readonly string[] } | undefined;
}

/** The number of partitions of an ordered worker. 1: a single queue. */
export type SetSize = 1 | PartitionCount;

/** Queues with a single active consumer each. */
export interface OrderedQueues {
  /** The topic patterns of the messages that are handled in order. */
  patterns: readonly string[];
  /** Of a worker that has no queues yet. 1: one queue with all of these messages. Otherwise a message is routed by the slot of
   *  its subject. */
  partitions: SetSize;
}

export interface TopologyOptions {
  /** Prepended to every name, so that fleets can share a broker. */
  prefix: string;
  log: { maxAge: string; maxBytes: number };
  /** Maximum number of unrouted messages; the oldest are dropped first. */
  unroutedMax: number;
}

/** Returns the names of all exchanges and queues, for one prefix. */
export function namesFor(prefix: string) {
  return {
    events: `${prefix}events`,
    log: `${prefix}events.log`,
    work: `${prefix}events.work`,
    unrouted: `${prefix}events.unrouted`,
    unroutedQueue: `${prefix}events.unrouted.messages`,
    deadLetters: `${prefix}dead-letters`,
    /** The exchange of devices: the MQTT plugin publishes to it and binds subscriptions to it. */
    telemetry: `${prefix}telemetry`,
    telemetryReplies: `${prefix}telemetry.replies`,
    queue: (worker: string) => `${prefix}${worker}`,
    retry: (worker: string, delay: number) => `${prefix}${worker}.retry.${formatDuration(delay)}`,
    dead: (worker: string) => `${prefix}${worker}.dead`,
    /** The quarantine of a worker: messages that it cannot read yet, and those behind them. */
    newer: (worker: string) => `${prefix}${worker}.newer`,
    /** The exchange for the messages that a worker handles in order. */
    ordered: (worker: string) => `${prefix}${worker}.ordered`,
    /** The exchange that distributes them among this number of partitions. */
    partitions: (worker: string, size: SetSize) => `${prefix}${worker}.p${size}`,
    /** The queue of one of them. */
    partition: (worker: string, size: SetSize, index: number) => `${prefix}${worker}.p${size}.${index}`,
    /** The queue with the mark by which an ordered worker recognizes the broker in which it has handled messages. */
    mark: (worker: string) => `${prefix}${worker}.mark`,
    /** The exchange for the messages without a slot, which are in the first partition. */
    unslotted: (worker: string, size: SetSize) => `${prefix}${worker}.p${size}.unslotted`,
    /** The exchange to which a worker publishes its own failed messages, with `failedKey`. */
    failed: (worker: string) => `${prefix}${worker}.failed`,
    /** The exchange with which the store of a service claims its names. */
    store: (service: string) => `${prefix}store.${service}`,
    /** The exchange that records the fleet's signing key. */
    fleetKey: `${prefix}fleet-key`,
  };
}

export type Names = ReturnType<typeof namesFor>;

/** Where a worker publishes a message that it does not handle now: to the retry queue of a delay, to its dead letters,
 *  or to its quarantine; and its mark. */
export type FailedTarget = number | 'dead' | 'newer' | 'mark';

/** Returns the routing key of a failed message: its retry delay, `dead` or `newer`; and that of a mark. With the default
 *  exchange a worker could publish to the queue of every other worker, because its permissions do not restrict the queue. */
export function failedKey(target: FailedTarget): string {
  return typeof target === 'number' ? formatDuration(target) : target;
}

/** RabbitMQ 3.10 has no unlimited delivery limit; this value is practically unlimited, and keeps returned messages
 *  at the head. */
const DELIVERY_LIMIT = 1_000_000;

/** Without it every leader runs on the node to which the declaring process is connected. */
const balanced = { 'x-queue-leader-locator': 'balanced' } as const;
const quorum = { 'x-queue-type': 'quorum', 'x-delivery-limit': DELIVERY_LIMIT, ...balanced } as const;
const atLeastOnce = { 'x-dead-letter-strategy': 'at-least-once', 'x-overflow': 'reject-publish' } as const;

/** The arguments of a queue from which a worker consumes. */
function work(worker: string, names: Names): Fields {
  const deadLetters = { 'x-dead-letter-exchange': names.deadLetters, 'x-dead-letter-routing-key': worker };
  return { ...quorum, ...atLeastOnce, ...deadLetters };
}

/** Returns the topology of a fleet of these workers. */
export function topologyOf(workers: readonly WorkerQueues[], options: TopologyOptions): Topology {
  const names = namesFor(options.prefix);
  const topology: Topology = {
    exchanges: [
      { name: names.events, type: 'topic' },
      { name: names.work, type: 'topic', arguments: { 'alternate-exchange': names.unrouted } },
      { name: names.unrouted, type: 'fanout' },
      { name: names.deadLetters, type: 'direct' },
    ],
    queues: [
      {
        name: names.log,
        arguments: {
          'x-queue-type': 'stream',
          ...balanced,
          'x-max-age': options.log.maxAge,
          'x-max-length-bytes': options.log.maxBytes,
        },
      },
      {
        name: names.unroutedQueue,
        arguments: { ...quorum, 'x-max-length': options.unroutedMax, 'x-overflow': 'drop-head' },
      },
    ],
    bindings: [
      { source: names.events, destination: names.log, kind: 'queue', routingKey: '#' },
      { source: names.events, destination: names.work, kind: 'exchange', routingKey: '#' },
      { source: names.unrouted, destination: names.unroutedQueue, kind: 'queue', routingKey: '' },
    ],
    // a classic queue until 0.1.0: while its single node was down, every unrouted event was refused
    retired: [{ name: names.unrouted, boundTo: names.unrouted, successor: names.unroutedQueue }],
  };
  for (const worker of workers) {
    const queue = names.queue(worker.name);
    const delays = [...new Set(worker.retryDelays)];
    const failed = (target: FailedTarget, destination: string) =>
      failedBinding(names.failed(worker.name), target, destination);
    topology.exchanges.push({ name: names.failed(worker.name), type: 'direct' });
    topology.queues.push(
      { name: queue, arguments: work(worker.name, names) },
      ...delays.map((delay) => ({
        name: names.retry(worker.name, delay),
        arguments: {
          'x-queue-type': 'quorum',
          ...balanced,
          ...atLeastOnce,
          'x-message-ttl': delay,
          'x-dead-letter-exchange': '',
          'x-dead-letter-routing-key': queue,
        },
      })),
      { name: names.dead(worker.name), arguments: quorum },
      { name: names.newer(worker.name), arguments: quorum },
    );
    topology.bindings.push(
      ...worker.patterns.map((routingKey): BindingSpec => ({
        source: names.work,
        destination: queue,
        kind: 'queue',
        routingKey,
      })),
      ...delays.map((delay) => failed(delay, names.retry(worker.name, delay))),
      failed('dead', names.dead(worker.name)),
      failed('newer', names.newer(worker.name)),
      { source: names.deadLetters, destination: names.dead(worker.name), kind: 'queue', routingKey: worker.name },
    );
    if (worker.telemetry !== undefined) addTelemetry(topology, queue, worker.telemetry, names);
    if (worker.ordered !== undefined) addOrdered(topology, worker.name, worker.ordered, names);
  }
  return topology;
}

function failedBinding(source: string, target: FailedTarget, destination: string): BindingSpec {
  return { source, destination, kind: 'queue', routingKey: failedKey(target) };
}

/** Adds the exchange of devices. The broker acknowledges a message of a device that no queue receives, therefore it goes to
 *  the unrouted messages. Replies without a subscriber are dropped: an exchange without bindings receives them. */
function addTelemetry(
  topology: Topology,
  queue: string,
  { patterns, replies }: NonNullable<WorkerQueues['telemetry']>,
  names: Names,
): void {
  const { telemetry: source, telemetryReplies } = names;
  const known = topology.exchanges.some(({ name }) => name === source);
  if (!known) {
    topology.exchanges.push(
      { name: source, type: 'topic', arguments: { 'alternate-exchange': names.unrouted } },
      { name: telemetryReplies, type: 'fanout' },
    );
  }
  topology.bindings.push(
    ...patterns.map((routingKey): BindingSpec => ({ source, destination: queue, kind: 'queue', routingKey })),
    ...replies.map((routingKey): BindingSpec => {
      return { source, destination: telemetryReplies, kind: 'exchange', routingKey };
    }),
  );
}

/** Adds the exchange of an ordered worker, its bindings, its partitions and the queue with its mark. */
function addOrdered(topology: Topology, worker: string, { patterns, partitions }: OrderedQueues, names: Names): void {
  const { exchanges, choices } = partitionsOf(worker, partitions, names);
  const destination = names.ordered(worker);
  topology.exchanges.push(...exchanges);
  topology.queues.push({ name: names.mark(worker), arguments: quorum });
  topology.bindings.push(
    ...patterns.map((routingKey): BindingSpec => ({ source: names.work, destination, kind: 'exchange', routingKey })),
    failedBinding(names.failed(worker), 'mark', names.mark(worker)),
  );
  topology.choices = [...(topology.choices ?? []), ...choices];
}

/** The exchange of an ordered worker and its partitions, of which the broker may have another number than `partitions`. */
export function partitionsOf(worker: string, partitions: SetSize, names: Names) {
  const sizes = [partitions, ...sizesOf(partitions).filter((size) => size !== partitions)];
  return {
    exchanges: [{ name: names.ordered(worker), type: 'fanout' }],
    queues: [],
    bindings: [],
    choices: [sizes.map((size) => partitionSet(worker, size, names))],
  } satisfies Topology;
}

/** The sizes that the set of partitions of a worker may have in the broker. Only a single queue keeps a total order. */
export function sizesOf(partitions: SetSize): readonly SetSize[] {
  return partitions === 1 ? [1] : [1, ...PARTITION_COUNTS];
}

/** The queues of one number of partitions, and the exchange that distributes messages among them. A headers exchange has one
 *  binding per partition, because the broker compares every message with each of them. */
export function partitionSet(worker: string, size: SetSize, names: Names): Variant {
  const [exchange, unslotted] = [names.partitions(worker, size), names.unslotted(worker, size)];
  const queues = Array.from({ length: size }, (_, index): QueueSpec => ({
    name: names.partition(worker, size, index),
    arguments: { ...work(worker, names), 'x-single-active-consumer': true },
  }));
  const toQueue = (source: string, index: number, fields?: Fields): BindingSpec => ({
    ...{ source, destination: names.partition(worker, size, index), kind: 'queue', routingKey: '' },
    ...(fields && { arguments: fields }),
  });
  const entry: BindingSpec = { source: names.ordered(worker), destination: exchange, kind: 'exchange', routingKey: '' };
  if (size === 1) {
    return {
      exchange,
      entry,
      exchanges: [{ name: exchange, type: 'fanout' }],
      queues,
      bindings: [toQueue(exchange, 0)],
    };
  }
  const header = partitionHeader(size);
  return {
    exchange,
    entry,
    exchanges: [
      { name: unslotted, type: 'fanout' },
      { name: exchange, type: 'headers', arguments: { 'alternate-exchange': unslotted } },
    ],
    queues,
    bindings: [
      toQueue(unslotted, 0),
      ...queues.map((_, index) => toQueue(exchange, index, { 'x-match': 'all', [header]: String(index) })),
    ],
  };
}
