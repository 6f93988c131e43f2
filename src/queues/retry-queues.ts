import type { Broker } from '../broker/broker.js';
import type { Names, WorkerQueues } from '../broker/topology/topology.js';
import { drainQueue } from './drain-queue.js';
import { moveWith, withPublisher } from './move-messages.js';

/** A retry queue of a worker. */
export interface RetryQueue {
  worker: string;
  queue: string;
  /** How long a message waits, in milliseconds. */
  delay: number;
  ready: number;
  /** False if the topology has not been applied. */
  exists: boolean;
}

/** The retry queues of these workers with their depths, shortest delay first. */
export async function listRetrying(
  broker: Pick<Broker, 'queueDepth'>,
  names: Names,
  workers: readonly WorkerQueues[],
): Promise<RetryQueue[]> {
  const queues: RetryQueue[] = [];
  for (const { name: worker, retryDelays } of workers) {
    for (const delay of [...new Set(retryDelays)].sort((a, b) => a - b)) {
      const queue = names.retry(worker, delay);
      const depth = await broker.queueDepth(queue);
      queues.push({ worker, queue, delay, ready: depth?.ready ?? 0, exists: depth !== undefined });
    }
  }
  return queues;
}

export interface RetryNowOptions {
  broker: Broker;
  names: Names;
  workers: readonly WorkerQueues[];
  /** Time limit in milliseconds. @default 60000 */
  limit?: number;
  signal: AbortSignal;
  onProgress?: (queue: string, done: number, total: number) => void;
}

/** Moves the messages that wait for a retry to the work queues immediately, and returns their number. */
export async function retryNow({
  broker,
  names,
  workers,
  limit = 60_000,
  signal,
  onProgress,
}: RetryNowOptions): Promise<number> {
  const end = performance.now() + limit;
  return withPublisher(broker, { limit, signal }, async (publisher) => {
    let moved = 0;
    for (const { worker, queue } of await listRetrying(broker, names, workers)) {
      const left = end - performance.now();
      if (left <= 0 || signal.aborted) break;
      moved += await drainQueue(broker, queue, {
        limit: left,
        signal,
        onProgress: (done, total) => onProgress?.(queue, done, total),
        handle: moveWith(publisher, () => ({ exchange: '', routingKey: names.queue(worker) })),
      });
    }
    return moved;
  });
}
