import type { Broker } from '../broker/contract.js';
import { republished } from '../broker/republish.js';
import type { Names, WorkerQueues } from '../broker/topology.js';
import { drainQueue } from './drain-queue.js';

/** What waits for its next attempt. */
export interface RetryQueue {
  worker: string;
  queue: string;
  /** Milliseconds that a message waits in it. */
  delay: number;
  ready: number;
  /** False where the topology has not been applied. */
  exists: boolean;
}

/** Every retry queue of these workers with its depth, the shortest delay first. */
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
  /** Milliseconds in all. @default 60000 */
  limit?: number;
  signal: AbortSignal;
  onProgress?: (queue: string, done: number, total: number) => void;
}

/** Moves what waits for its next attempt to the work queues at once, and gives how many messages that were. Each is
 *  confirmed there before it is acked here: where the process ends in between there are two of it, which the inbox
 *  of the worker makes one. */
export async function retryNow({
  broker,
  names,
  workers,
  limit = 60_000,
  signal,
  onProgress,
}: RetryNowOptions): Promise<number> {
  const publisher = broker.createPublisher();
  const end = performance.now() + limit;
  let moved = 0;
  try {
    await publisher.ready(AbortSignal.any([signal, AbortSignal.timeout(limit)]));
    for (const { worker, queue } of await listRetrying(broker, names, workers)) {
      const left = end - performance.now();
      if (left <= 0 || signal.aborted) break;
      moved += await drainQueue(broker, queue, {
        limit: left,
        signal,
        onProgress: (done, total) => onProgress?.(queue, done, total),
        handle: async (delivery) => {
          const { body } = delivery;
          const properties = republished(delivery.properties);
          await publisher.publish({ exchange: '', routingKey: names.queue(worker), body, properties, mandatory: true });
          delivery.ack();
        },
      });
    }
  } finally {
    await publisher.close();
  }
  return moved;
}
