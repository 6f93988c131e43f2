import type { Broker, Delivery } from '../broker/broker.js';
import { drainSelected } from './drain-queue.js';
import { untilDepth } from './until-depth.js';

/** Calls `visit` for the messages that are ready in a queue, and returns the number of those that it did not reach within
 *  `limit` milliseconds. They stay in the queue, in order and with their expiry. The broker counts a delivery, which a
 *  later consumer of this queue sees, and one of the queue to which they are dead-lettered does not. While the queue has
 *  consumers, which would receive later messages first, waits for them to empty it. */
export async function visitQueue(
  broker: Broker,
  queue: string,
  { limit, signal }: { limit: number; signal: AbortSignal },
  visit: (delivery: Delivery) => void,
): Promise<number> {
  const end = performance.now() + limit;
  const isFree = (depth: { ready: number; consumers: number }) => depth.ready === 0 || depth.consumers === 0;
  const depth = await untilDepth(broker, queue, isFree, { limit, signal });
  if (depth.ready === 0 || depth.consumers > 0) return depth.ready;
  const { unexamined } = await drainSelected(broker, queue, {
    limit: end - performance.now(),
    signal,
    select(delivery) {
      visit(delivery);
      return false;
    },
    handle: async () => undefined,
  });
  return unexamined;
}
