import type { Broker, Delivery } from '../broker/broker.js';
import { drainSelected } from './drain-queue.js';

/** Reads the first messages of a queue and leaves them in the queue, in order; they count as redelivered afterwards.
 *  Returns those that arrived within `limit` milliseconds, and the number of ready messages. */
export async function peekQueue(
  broker: Broker,
  queue: string,
  { count, limit, signal }: { count: number; limit: number; signal: AbortSignal },
): Promise<{ messages: Delivery[]; ready: number }> {
  const messages: Delivery[] = [];
  const enough = new AbortController();
  const { kept, unexamined } = await drainSelected(broker, queue, {
    limit,
    prefetch: count,
    signal: AbortSignal.any([signal, enough.signal]),
    select: (delivery) => {
      messages.push(delivery);
      if (messages.length >= count) enough.abort();
      return false;
    },
    handle: async () => undefined,
  });
  return { messages, ready: kept + unexamined };
}
