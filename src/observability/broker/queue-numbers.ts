import type { Broker } from '../../broker/broker.js';
import type { ManagedQueue } from '../../broker/rabbitmq/management/management.js';
import { withinLimit, type Answer } from '../../concurrency/within-limit.js';

/** The numbers of a queue; null if unknown. */
export interface QueueNumbers {
  exists: boolean | null;
  /** Messages that wait for a consumer. */
  ready: number | null;
  /** Messages that consumers have in flight. */
  unacked: number | null;
  consumers: number | null;
  /** Messages per second. */
  rates: { in: number; out: number } | null;
}

/** The numbers of several queues together: unknown where one of them is unknown, consumers of the queue with the fewest. */
export function totalOf(queues: readonly (QueueNumbers | undefined)[]): QueueNumbers | undefined {
  const [first, ...others] = queues;
  if (first === undefined || others.length === 0) return first;
  return others.reduce<QueueNumbers>((sum, each) => {
    const { exists, ready, unacked, consumers, rates } = each ?? UNKNOWN;
    return {
      exists: sum.exists === null || exists === null ? null : sum.exists && exists,
      ready: added(sum.ready, ready),
      unacked: added(sum.unacked, unacked),
      consumers: sum.consumers === null || consumers === null ? null : Math.min(sum.consumers, consumers),
      rates: sum.rates && rates && { in: sum.rates.in + rates.in, out: sum.rates.out + rates.out },
    };
  }, first);
}

const UNKNOWN: QueueNumbers = { exists: null, ready: null, unacked: null, consumers: null, rates: null };

function added(a: number | null, b: number | null): number | null {
  return a === null || b === null ? null : a + b;
}

/** The reason why the numbers of a queue are unknown that has no leader. */
export const UNUSABLE_QUEUE = 'it has no leader or no majority of its nodes';
const AT_ONCE = 16;

export interface QueueSources {
  /** Undefined without a connection. */
  broker: Pick<Broker, 'queueDepth'> | undefined;
  /** The queues of the management API, by name. */
  managed: Answer<ReadonlyMap<string, ManagedQueue>>;
  /** Time limit for each queue, in milliseconds. */
  limit: number;
}

/** Queries each queue over AMQP, which is exact but does not respond for a queue whose node is down; in that case, uses
 *  the statistics of the management API. Adds a line to the problems for each queue without a response. */
export async function queueNumbers(
  names: readonly string[],
  { broker, managed, limit }: QueueSources,
  problems: string[],
): Promise<Map<string, QueueNumbers>> {
  const numbers = new Map<string, QueueNumbers>();
  const waiting = [...new Set(names)];
  const work = async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      numbers.set(name, await numbersOf(name, broker, managed, limit, problems));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return numbers;
}

async function numbersOf(
  name: string,
  broker: QueueSources['broker'],
  managed: QueueSources['managed'],
  limit: number,
  problems: string[],
): Promise<QueueNumbers> {
  const statistics = managed.known ? managed.value.get(name) : undefined;
  const { unacked = null, rates = null } = statistics ?? {};
  if (broker !== undefined) {
    // querying an unusable queue would only use up the time limit
    const depth =
      statistics?.down === true
        ? ({ known: false, reason: UNUSABLE_QUEUE } as const)
        : await withinLimit(limit, () => broker.queueDepth(name));
    if (depth.known) return { exists: depth.value !== undefined, unacked, rates, ...countsOf(depth.value) };
    problems.push(`queue ${name}: ${depth.reason}`);
  }
  if (statistics === undefined) {
    return { exists: managed.known ? false : null, ready: null, unacked: null, consumers: null, rates: null };
  }
  // the statistics of an unusable queue are zeros
  if (statistics.down) return { exists: true, ready: null, unacked: null, consumers: null, rates: null };
  const { ready, consumers } = statistics;
  return { exists: true, ready, unacked, consumers, rates };
}

function countsOf(depth: { ready: number; consumers: number } | undefined) {
  return { ready: depth?.ready ?? 0, consumers: depth?.consumers ?? 0 };
}
