import type { WorkerDefinition } from '../definition/worker-definition.js';

/** How many times the prefetch of an ordered worker is distributed among its partitions, because not all have messages. */
const WINDOW = 4;
/** Half of the default time for which RabbitMQ waits for an ack (`consumer_timeout`). */
const LONGEST_TURN_MS = 15 * 60_000;

type Ordered = Pick<WorkerDefinition, 'prefetch' | 'timeout' | 'ordering'>;

/** The most messages of one partition that a consumer may keep. They may all be of one subject and wait for each other: the
 *  last one has to be acknowledged before the broker considers the consumer stuck. */
export function partitionPrefetch({ prefetch, timeout }: Omit<Ordered, 'ordering'>, partitions: number): number {
  const share = Math.min(prefetch, Math.ceil((WINDOW * prefetch) / partitions));
  return Math.max(1, Math.min(share, Math.floor(LONGEST_TURN_MS / timeout)));
}

/** The longest time for which a worker may keep a message, in milliseconds. */
export function longestTurn(worker: Ordered): number {
  const { ordering, timeout } = worker;
  return ordering === undefined ? timeout : timeout * partitionPrefetch(worker, ordering.partitions);
}
