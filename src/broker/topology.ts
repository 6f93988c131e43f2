import type { Fields } from './contract.js';
import { formatDuration } from '../duration.js';

export interface ExchangeSpec {
  name: string;
  type: 'topic' | 'fanout' | 'direct' | 'headers';
  arguments?: Fields;
}

export interface QueueSpec {
  name: string;
  arguments: Fields;
}

export interface BindingSpec {
  source: string;
  destination: string;
  kind: 'queue' | 'exchange';
  routingKey: string;
  arguments?: Fields;
}

/** What exists in the broker; everything in it is durable. */
export interface Topology {
  exchanges: ExchangeSpec[];
  queues: QueueSpec[];
  bindings: BindingSpec[];
}

/** What the topology needs to know of a worker. */
export interface WorkerQueues {
  name: string;
  /** Topic patterns by which its queue is bound. */
  patterns: readonly string[];
  /** Retry delays in milliseconds, each of which is a queue. */
  retryDelays: readonly number[];
}

export interface TopologyOptions {
  /** Put before every name, so that fleets can share a broker. */
  prefix: string;
  log: { maxAge: string; maxBytes: number };
  /** How many unrouted messages are kept; the oldest go first. */
  unroutedMax: number;
}

/** The names of everything in the broker, for one prefix. */
export function namesFor(prefix: string) {
  return {
    events: `${prefix}events`,
    log: `${prefix}events.log`,
    work: `${prefix}events.work`,
    unrouted: `${prefix}events.unrouted`,
    deadLetters: `${prefix}dead-letters`,
    queue: (worker: string) => `${prefix}${worker}`,
    retry: (worker: string, delay: number) => `${prefix}${worker}.retry.${formatDuration(delay)}`,
    dead: (worker: string) => `${prefix}${worker}.dead`,
  };
}

export type Names = ReturnType<typeof namesFor>;

/** RabbitMQ 3.10 has no unlimited delivery limit; this is as good as none, and keeps returned messages at the head. */
const DELIVERY_LIMIT = 1_000_000;

const quorum = { 'x-queue-type': 'quorum', 'x-delivery-limit': DELIVERY_LIMIT } as const;
const atLeastOnce = { 'x-dead-letter-strategy': 'at-least-once', 'x-overflow': 'reject-publish' } as const;

/** The topology of a fleet of these workers. */
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
          'x-max-age': options.log.maxAge,
          'x-max-length-bytes': options.log.maxBytes,
        },
      },
      {
        name: names.unrouted,
        arguments: { 'x-queue-type': 'classic', 'x-max-length': options.unroutedMax, 'x-overflow': 'drop-head' },
      },
    ],
    bindings: [
      { source: names.events, destination: names.log, kind: 'queue', routingKey: '#' },
      { source: names.events, destination: names.work, kind: 'exchange', routingKey: '#' },
      { source: names.unrouted, destination: names.unrouted, kind: 'queue', routingKey: '' },
    ],
  };
  for (const worker of workers) {
    const queue = names.queue(worker.name);
    topology.queues.push(
      {
        name: queue,
        arguments: {
          ...quorum,
          ...atLeastOnce,
          'x-dead-letter-exchange': names.deadLetters,
          'x-dead-letter-routing-key': worker.name,
        },
      },
      ...[...new Set(worker.retryDelays)].map((delay) => ({
        name: names.retry(worker.name, delay),
        arguments: {
          'x-queue-type': 'quorum',
          ...atLeastOnce,
          'x-message-ttl': delay,
          'x-dead-letter-exchange': '',
          'x-dead-letter-routing-key': queue,
        },
      })),
      { name: names.dead(worker.name), arguments: quorum },
    );
    topology.bindings.push(
      ...worker.patterns.map((routingKey): BindingSpec => ({
        source: names.work,
        destination: queue,
        kind: 'queue',
        routingKey,
      })),
      { source: names.deadLetters, destination: names.dead(worker.name), kind: 'queue', routingKey: worker.name },
    );
  }
  return topology;
}
