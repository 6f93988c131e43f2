import type { Broker } from '../../broker/broker.js';
import { consumedQueues } from '../../broker/topology/partition-sets.js';
import type { Names, WorkerQueues } from '../../broker/topology/topology.js';
import { FlotillaError } from '../../errors.js';

/** Throws `topology.in_use` if a process consumes a queue of these workers, or their dead letters. */
export async function refuseWhileConsumed(
  workers: readonly WorkerQueues[],
  broker: Pick<Broker, 'queueDepth' | 'hasExchange'>,
  names: Names,
): Promise<void> {
  const consumed = await Promise.all(workers.map((worker) => consumedQueues(broker, worker, names)));
  const queues = [...consumed.flat(), ...workers.map(({ name }) => names.dead(name))];
  const used: string[] = [];
  for (const queue of queues) if (((await broker.queueDepth(queue))?.consumers ?? 0) > 0) used.push(queue);
  if (used.length > 0) throw new FlotillaError('topology.in_use', used.join(', '));
}
