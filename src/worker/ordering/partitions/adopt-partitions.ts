import type { Broker } from '../../../broker/broker.js';
import { setsInBroker } from '../../../broker/topology/partition-sets.js';
import { sizesOf, type Names, type SetSize } from '../../../broker/topology/topology.js';
import type { Store } from '../../../store/store.js';
import type { Logger } from '../../../telemetry/logger.js';
import { readPartitions, writePartitions, type PartitionState } from './partition-table.js';

export interface PartitionPlace {
  store: Pick<Store, 'query' | 'transaction'>;
  broker: Pick<Broker, 'hasExchange'>;
  names: Names;
  worker: string;
  /** The number of partitions in the definition of the worker. */
  defined: SetSize;
  logger: Logger;
}

/** The partitions of a worker: those in its store, if the broker has them. A store without them, or a broker that was replaced,
 *  gets those of the other. */
export async function adoptPartitions(place: PartitionPlace): Promise<PartitionState> {
  for (;;) {
    const adopted = await adopt(place);
    if (adopted !== 'changed') return adopted;
  }
}

async function adopt(place: PartitionPlace): Promise<PartitionState | 'changed'> {
  const { store, broker, names, worker, defined, logger } = place;
  const before = await readPartitions(store.query, worker);
  const sets = await setsInBroker(broker, worker, sizesOf(defined), names);
  return store.transaction(async (tx) => {
    const known = await readPartitions(tx.sql, worker);
    // a command may have completed a change since the broker was asked
    if (known?.epoch !== before?.epoch || known?.size !== before?.size) return 'changed';
    const size = sizeIn(sets, known?.size, defined);
    if (known !== undefined && (known.size === size || known.moving !== undefined)) return known;
    const adopted = { epoch: (known?.epoch ?? 0) + 1, size };
    await writePartitions(tx, worker, adopted);
    if (known !== undefined)
      logger.warn('the broker has another number of partitions than the store; using it', {
        partitions: size,
        expectedPartitions: known.size,
      });
    return { ...adopted, moving: undefined };
  });
}

function sizeIn(sets: readonly SetSize[], known: SetSize | undefined, defined: SetSize): SetSize {
  for (const wanted of [known, defined]) if (wanted !== undefined && sets.includes(wanted)) return wanted;
  return sets[0] ?? defined;
}
