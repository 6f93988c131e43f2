import type { Broker, Delivery } from '../broker/contract.js';
import { errorOf } from '../errors.js';
import { aborted } from './aborted.js';

export interface DrainOptions {
  /** At most so many. @default all that are ready when it begins */
  count?: number;
  /** Milliseconds after which it ends, whatever is left. */
  limit: number;
  /** Does what there is to do with a message, and settles it. */
  handle: (delivery: Delivery) => Promise<void>;
  signal: AbortSignal;
  onProgress?: ((done: number, total: number) => void) | undefined;
}

const PREFETCH = 50;
/** How often to look whether somebody else took the rest. */
const LOOK = 200;

/**
 * Handles the messages that are ready in a queue now, each once, and not those that come later; gives how many were
 * handled. Ends early when the time is over, `signal` aborts, or others have emptied the queue. What was not settled
 * goes back to the queue. Rejects with the first failure of `handle`. A queue that isn't there is empty.
 */
export async function drainQueue(broker: Broker, queue: string, options: DrainOptions): Promise<number> {
  const { limit, handle, signal, onProgress } = options;
  const ready = (await broker.queueDepth(queue))?.ready ?? 0;
  const total = Math.min(ready, options.count ?? ready);
  if (total === 0 || signal.aborted) return 0;

  const end = new AbortController();
  const inHand = new Set<Promise<void>>();
  let taken = 0;
  let done = 0;
  let failure: Error | undefined;
  const take = async (delivery: Delivery) => {
    try {
      await handle(delivery);
      done += 1;
      onProgress?.(done, total);
      if (done >= total) end.abort();
    } catch (error) {
      failure ??= errorOf(error);
      end.abort();
    }
  };
  const consumer = broker.consume(queue, {
    prefetch: Math.min(PREFETCH, total),
    onDelivery: (delivery) => {
      if (taken >= total || end.signal.aborted || signal.aborted) return;
      taken += 1;
      const work = take(delivery).finally(() => inHand.delete(work));
      inHand.add(work);
    },
  });
  const timer = setTimeout(() => end.abort(), limit);
  const look = setInterval(() => void lookForOthers(), LOOK);
  try {
    await aborted(AbortSignal.any([end.signal, signal]));
    await Promise.all(inHand);
  } finally {
    clearTimeout(timer);
    clearInterval(look);
    await consumer.close();
  }
  if (failure !== undefined) throw failure;
  return done;

  async function lookForOthers(): Promise<void> {
    try {
      const depth = await broker.queueDepth(queue);
      if (consumer.consuming && inHand.size === 0 && (depth?.ready ?? 0) === 0) end.abort();
    } catch (error) {
      failure ??= errorOf(error);
      end.abort();
    }
  }
}
