import type { WorkerDefinition } from '../definition/worker-definition.js';

/** How many messages of a partition every consumer of it receives, whatever its worker handles at the same time. RabbitMQ puts
 *  the messages of a closed channel behind others that were returned earlier and not delivered since. A consumer that receives
 *  fewer messages than an earlier one returned would therefore change their order. */
export const PARTITION_PREFETCH = 100;

/** How many times the prefetch of a worker is distributed among its partitions, because not all have messages. */
const WINDOW = 4;

/** The most messages of one of so many partitions that are handled, or wait for their turn, at the same time. Without it, a worker
 *  whose turns are not pipelined used a fifth more processor time. */
export function partitionLimit(prefetch: number, partitions: number): number {
  return Math.min(prefetch, Math.ceil((WINDOW * prefetch) / partitions));
}

/** A message that has waited this long for its turn is returned with all others of its partition. Together with the longest
 *  timeout of a handler, this is less than the 30 minutes for which RabbitMQ waits for an ack (`consumer_timeout`). */
export const LONGEST_WAIT_MS = 10 * 60_000;

/** The longest time for which a worker may keep a message, in milliseconds. */
export function longestTurn({ ordering, timeout }: Pick<WorkerDefinition, 'ordering' | 'timeout'>): number {
  return ordering === undefined ? timeout : LONGEST_WAIT_MS + timeout;
}
