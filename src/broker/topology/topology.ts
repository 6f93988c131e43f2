import type { Fields } from '../messages/amqp-fields.js';
import { partitionHeader, type PartitionCount } from '../messages/slot-headers.js';
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
}

/** Queues with a single active consumer each. */
export interface OrderedQueues {
  /** The topic patterns of the messages that are handled in order. */
  patterns: readonly string[];
  /** 1: one queue with all of these messages. Otherwise a message is routed by the slot of its subject. */
  partitions: 1 | PartitionCount;
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
    queue: (worker: string) => `${prefix}${worker}`,
    retry: (worker: string, delay: number) => `${prefix}${worker}.retry.${formatDuration(delay)}`,
    dead: (worker: string) => `${prefix}${worker}.dead`,
    /** The quarantine of a worker: messages that it cannot read yet, and those behind them. */
    newer: (worker: string) => `${prefix}${worker}.newer`,
    /** The queue of a partition of an ordered worker. */
    partition: (worker: string, index: number) => `${prefix}${worker}.p${index}`,
    /** The exchange that routes the messages of an ordered worker to its partitions. */
    ordered: (worker: string) => `${prefix}${worker}.ordered`,
    /** The exchange for its messages without a slot. */
    unslotted: (worker: string) => `${prefix}${worker}.unslotted`,
    /** The exchange to which a worker publishes its own failed messages, with `failedKey`. */
    failed: (worker: string) => `${prefix}${worker}.failed`,
    /** The exchange with which the store of a service claims its names. */
    store: (service: string) => `${prefix}store.${service}`,
    /** The exchange that records the fleet's signing key. */
    fleetKey: `${prefix}fleet-key`,
  };
}

export type Names = ReturnType<typeof namesFor>;

/** The queues from which a worker consumes messages. */
export function consumedQueues({ name, ordered }: Pick<WorkerQueues, 'name' | 'ordered'>, names: Names): string[] {
  return [names.queue(name), ...partitionQueues({ name, ordered }, names)];
}

/** The queues of the partitions of a worker; none if it is not ordered. */
export function partitionQueues({ name, ordered }: Pick<WorkerQueues, 'name' | 'ordered'>, names: Names): string[] {
  return Array.from({ length: ordered?.partitions ?? 0 }, (_, index) => names.partition(name, index));
}

/** Where a worker publishes a message that it does not handle now: to the retry queue of a delay, to its dead letters,
 *  or to its quarantine. */
export type FailedTarget = number | 'dead' | 'newer';

/** Returns the routing key of a failed message: its retry delay, `dead` or `newer`. With the default exchange a worker
 *  could publish to the queue of every other worker, because its permissions do not restrict the queue. */
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
    const failed = (target: FailedTarget, destination: string): BindingSpec => ({
      source: names.failed(worker.name),
      destination,
      kind: 'queue',
      routingKey: failedKey(target),
    });
    const work = {
      ...quorum,
      ...atLeastOnce,
      'x-dead-letter-exchange': names.deadLetters,
      'x-dead-letter-routing-key': worker.name,
    };
    topology.exchanges.push({ name: names.failed(worker.name), type: 'direct' });
    topology.queues.push(
      { name: queue, arguments: work },
      ...partitionQueues(worker, names).map((name) => ({
        name,
        arguments: { ...work, 'x-single-active-consumer': true },
      })),
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
    if (worker.ordered !== undefined) addPartitions(topology, worker.name, worker.ordered, names);
  }
  return topology;
}

/** Adds the exchanges and bindings of an ordered worker. Its headers exchange has one binding per partition: the broker
 *  compares every message with every one of them. The binding that lets messages in is the last one. */
function addPartitions(
  { exchanges, bindings }: Topology,
  worker: string,
  { patterns, partitions }: OrderedQueues,
  names: Names,
): void {
  const [ordered, unslotted] = [names.ordered(worker), names.unslotted(worker)];
  const toQueue = (source: string, index: number, fields?: Fields): BindingSpec => ({
    ...{ source, destination: names.partition(worker, index), kind: 'queue', routingKey: '' },
    ...(fields && { arguments: fields }),
  });
  if (partitions === 1) {
    exchanges.push({ name: ordered, type: 'fanout' });
    bindings.push(toQueue(ordered, 0));
  } else {
    exchanges.push(
      { name: unslotted, type: 'fanout' },
      { name: ordered, type: 'headers', arguments: { 'alternate-exchange': unslotted } },
    );
    bindings.push(
      toQueue(unslotted, 0),
      ...Array.from({ length: partitions }, (_, index) =>
        toQueue(ordered, index, { 'x-match': 'all', [partitionHeader(partitions)]: String(index) }),
      ),
    );
  }
  bindings.push(
    ...patterns.map((routingKey): BindingSpec => ({
      source: names.work,
      destination: ordered,
      kind: 'exchange',
      routingKey,
    })),
  );
}
