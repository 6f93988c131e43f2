import { drainQueue } from './drain-queue.js';
import type { Broker } from '../broker/contract.js';
import { keepDelivery, type KeeperOptions } from './keeper.js';
import { migrateDeadLetters } from './migrations.js';

export interface PumpOptions extends Omit<KeeperOptions, 'broker' | 'retryAfter'> {
  broker: Broker;
  /** Milliseconds for all queues together. @default 5000 */
  limit?: number;
  signal: AbortSignal;
  onProgress?: (worker: string, done: number, total: number) => void;
}

/** What a keeper does, once: stores the dead letters that wait in the broker now, within a limited time. Resolves with
 *  the number of new ones. Rejects with the failure of the store. */
export async function pumpDeadLetters(options: PumpOptions): Promise<number> {
  const { store, broker, names, workers, limit = 5000, signal, onProgress } = options;
  await migrateDeadLetters(store);
  const end = performance.now() + limit;
  let kept = 0;
  for (const worker of workers) {
    const left = end - performance.now();
    if (left <= 0 || signal.aborted) break;
    await drainQueue(broker, names.dead(worker), {
      limit: left,
      signal,
      onProgress: (done, total) => onProgress?.(worker, done, total),
      handle: async (delivery) => {
        if (await keepDelivery(options, delivery, worker)) kept += 1;
      },
    });
  }
  return kept;
}
