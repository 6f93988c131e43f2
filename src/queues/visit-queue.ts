import type { Broker, Delivery } from '../broker/broker.js';
import { drainSelected } from './drain-queue.js';

/** Calls `visit` for the messages that are ready in a queue without consumers, and returns the number of those that it
 *  did not reach within `limit` milliseconds. They stay in the queue, in order and with their expiry. The broker counts
 *  a delivery, which a later consumer of this queue sees, and one of the queue to which they are dead-lettered does
 *  not. */
export async function visitQueue(
  broker: Broker,
  queue: string,
  { limit, signal }: { limit: number; signal: AbortSignal },
  visit: (delivery: Delivery) => void,
): Promise<number> {
  const { unexamined } = await drainSelected(broker, queue, {
    limit,
    signal,
    select(delivery) {
      visit(delivery);
      return false;
    },
    handle: async () => undefined,
  });
  return unexamined;
}
