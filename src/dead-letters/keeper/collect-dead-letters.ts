import { drainQueue } from '../../queues/drain-queue.js';
import type { Broker } from '../../broker/broker.js';
import { storeDelivery, type KeeperOptions } from './keeper.js';
import { migrateDeadLetters } from '../storage/migrations.js';

export interface CollectOptions extends Omit<KeeperOptions, 'broker' | 'retryAfter'> {
  broker: Broker;
  /** Milliseconds for all queues together. @default 5000 */
  limit?: number;
  signal: AbortSignal;
  onProgress?: (worker: string, done: number, total: number) => void;
}

/** Stores the dead letters that currently wait in the broker, like a keeper, within a time limit. Resolves with the
 *  number of new ones. Rejects with the error of the store. */
export async function collectDeadLetters(options: CollectOptions): Promise<number> {
  const { store, broker, names, workers, limit = 5000, signal, onProgress } = options;
  await migrateDeadLetters(store);
  const end = performance.now() + limit;
  let stored = 0;
  for (const worker of workers) {
    const left = end - performance.now();
    if (left <= 0 || signal.aborted) break;
    await drainQueue(broker, names.dead(worker), {
      limit: left,
      signal,
      onProgress: (done, total) => onProgress?.(worker, done, total),
      handle: async (delivery) => {
        if (await storeDelivery(options, delivery, worker)) stored += 1;
      },
    });
  }
  return stored;
}
