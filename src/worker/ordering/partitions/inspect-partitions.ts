import type { Broker } from '../../../broker/broker.js';
import { partitionQueues, setsInBroker } from '../../../broker/topology/partition-sets.js';
import { sizesOf, type SetSize } from '../../../broker/topology/topology.js';
import type { PartitionPlace } from './adopt-partitions.js';
import { readPartitions } from './partition-table.js';

/** The partitions of a worker and what waits in them. */
export interface PartitionReport {
  size: SetSize;
  defined: SetSize;
  /** The change under way: how many of the old partitions have passed. */
  moving: { to: SetSize; passed: number } | undefined;
  /** Messages that wait in the partitions. */
  ready: number;
  /** The processes that consume them. */
  consumers: number;
}

/** Reads only. Rejects with the errors of `Broker.queueDepth`. */
export async function inspectPartitions(
  place: Omit<PartitionPlace, 'broker'> & { broker: Pick<Broker, 'hasExchange' | 'queueDepth'> },
): Promise<PartitionReport> {
  const { store, broker, names, worker, defined } = place;
  const sets = await setsInBroker(broker, worker, sizesOf(defined), names);
  const state = await readPartitions(store.query, worker);
  const size = state?.size ?? (sets.includes(defined) ? defined : (sets[0] ?? defined));
  const queues = sets.flatMap((each) => partitionQueues(worker, each, names));
  const depths = await Promise.all(queues.map((queue) => broker.queueDepth(queue)));
  return {
    size,
    defined,
    moving: state?.moving && { to: state.moving.to, passed: state.moving.passed.size },
    ready: depths.reduce((sum, depth) => sum + (depth?.ready ?? 0), 0),
    consumers: Math.max(0, ...depths.map((depth) => depth?.consumers ?? 0)),
  };
}
