import type { Broker, Delivery } from '../broker/contract.js';
import { aborted } from './aborted.js';

/** Looks at the first messages of a queue and lets them go again, in order, by closing the channel; they count as
 *  redelivered afterwards. For classic queues only: a quorum queue counts such deliveries. Gives what came within
 *  `limit` milliseconds. */
export async function peekQueue(
  broker: Broker,
  queue: string,
  { count, limit, signal }: { count: number; limit: number; signal: AbortSignal },
): Promise<{ messages: Delivery[]; ready: number }> {
  const ready = (await broker.queueDepth(queue))?.ready ?? 0;
  const wanted = Math.min(count, ready);
  const messages: Delivery[] = [];
  if (wanted === 0) return { messages, ready };
  const end = new AbortController();
  const consumer = broker.consume(queue, {
    prefetch: wanted,
    onDelivery: (delivery) => {
      if (messages.length < wanted) messages.push(delivery);
      if (messages.length >= wanted) end.abort();
    },
  });
  const timer = setTimeout(() => end.abort(), limit);
  try {
    await aborted(AbortSignal.any([end.signal, signal]));
  } finally {
    clearTimeout(timer);
    await consumer.close();
  }
  return { messages, ready };
}
