import { parseDuration } from '../../duration.js';
import type { Broker } from '../broker.js';
import type { ManagedBinding, ManagedQueue } from '../rabbitmq/management/management.js';
import type { Names, WorkerQueues } from './topology.js';

/** A queue that this fleet has declared and that none of its workers uses any longer. It still receives messages. */
export interface AbandonedQueue {
  queue: string;
  /** The worker that it belonged to. */
  worker: string;
  holds: 'messages' | 'retries' | 'quarantined messages' | 'marks' | 'dead letters';
  /** `worker`: the fleet has no worker of that name with a queue. `delay`: the worker has no such retry delay. */
  missing: 'worker' | 'delay';
  /** Ready messages; null if the queue does not answer. */
  ready: number | null;
  consumers: number | null;
}

export interface FindAbandonedOptions {
  management: { queues(prefix?: string): Promise<ManagedQueue[]>; bindings(): Promise<ManagedBinding[]> };
  broker: Pick<Broker, 'queueDepth'>;
  names: Names;
  /** All workers of the fleet that have a queue, including those that are not enabled here. */
  workers: readonly WorkerQueues[];
}

/** Finds the queues of renamed or removed workers, and the retry queues of former delays, with their message counts.
 *  Queues of other fleets are never included, because a worker's dead letters are bound to the exchange of its own
 *  fleet. Rejects with `broker.management`. */
export async function findAbandonedQueues(options: FindAbandonedOptions): Promise<AbandonedQueue[]> {
  const { management, names, workers } = options;
  const [queues, bindings] = await Promise.all([management.queues(names.queue('')), management.bindings()]);
  const known = new Map(workers.map((worker) => [worker.name, worker]));
  const found: Omit<AbandonedQueue, 'ready' | 'consumers'>[] = [];
  for (const worker of declaredWorkers(bindings, names)) {
    const current = known.get(worker);
    const delays = new Set(current?.retryDelays.map((delay) => names.retry(worker, delay)));
    for (const { name: queue } of queues) {
      const holds = contentOf(queue, worker, names);
      if (holds === undefined) continue;
      if (current === undefined) found.push({ queue, worker, holds, missing: 'worker' });
      else if (holds === 'retries' && !delays.has(queue)) found.push({ queue, worker, holds, missing: 'delay' });
    }
  }
  return Promise.all(found.map(async (each) => ({ ...each, ...(await countsOf(options.broker, each.queue)) })));
}

/** Returns the names of all workers whose dead letters the broker would route to a queue. */
function declaredWorkers(bindings: readonly ManagedBinding[], names: Names): string[] {
  const workers = bindings
    .filter(
      ({ source, destination, kind, routingKey }) =>
        source === names.deadLetters && kind === 'queue' && destination === names.dead(routingKey),
    )
    .map(({ routingKey }) => routingKey);
  return [...new Set(workers)].sort();
}

function contentOf(queue: string, worker: string, names: Names): AbandonedQueue['holds'] | undefined {
  if (queue === names.queue(worker) || isPartition(queue, worker, names)) return 'messages';
  if (queue === names.dead(worker)) return 'dead letters';
  if (queue === names.newer(worker)) return 'quarantined messages';
  if (queue === names.mark(worker)) return 'marks';
  return isRetryQueue(queue, `${names.queue(worker)}.retry.`) ? 'retries' : undefined;
}

/** Whether the queue is a partition of the worker. */
export function isPartition(queue: string, worker: string, names: Names): boolean {
  const before = `${names.queue(worker)}.p`;
  return queue.startsWith(before) && /^\d{1,2}\.\d{1,2}$/.test(queue.slice(before.length));
}

function isRetryQueue(queue: string, before: string): boolean {
  if (!queue.startsWith(before)) return false;
  try {
    return parseDuration(queue.slice(before.length)) > 0;
  } catch {
    return false; // a queue of another application
  }
}

/** Returns null counts for a queue that does not answer. */
async function countsOf(
  broker: Pick<Broker, 'queueDepth'>,
  queue: string,
): Promise<Pick<AbandonedQueue, 'ready' | 'consumers'>> {
  try {
    const { ready = 0, consumers = 0 } = (await broker.queueDepth(queue)) ?? {};
    return { ready, consumers };
  } catch {
    return { ready: null, consumers: null };
  }
}
