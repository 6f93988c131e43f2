import { findAbandonedQueues, type AbandonedQueue } from '../../../broker/topology/abandoned-queues.js';
import type { Broker, TopologyDifference } from '../../../broker/broker.js';
import { hasCode } from '../../../errors.js';
import type { Context } from '../../shared/context.js';
import { surroundingsOf } from '../../shared/resources.js';
import { openManagement } from '../../../runtime/broker/broker-address.js';

/** The abandoned queues of this fleet. Rejects with `broker.management`. */
export async function abandonedQueues(context: Context, broker: Broker): Promise<AbandonedQueue[]> {
  const { names, declared } = await surroundingsOf(context);
  const management = await openManagement(context);
  return findAbandonedQueues({ management, broker, names, workers: declared });
}

/** The same as surplus of the topology. Without the management API there are none, and a line says so. */
export async function surplusQueues(context: Context, broker: Broker): Promise<TopologyDifference[]> {
  try {
    return (await abandonedQueues(context, broker)).map((each) => ({
      kind: 'queue',
      name: each.queue,
      problem: 'surplus',
      detail: `${reasonOf(each)}: ${countOf(each)}`,
    }));
  } catch (error) {
    if (!hasCode(error, 'broker.management')) throw error;
    context.say(`Queues without a worker are not shown: ${error.message}`);
    return [];
  }
}

/** `no worker payment` or `not a retry delay of payment` */
export function reasonOf({ worker, missing }: AbandonedQueue): string {
  return missing === 'worker' ? `no worker ${worker}` : `not a retry delay of ${worker}`;
}

/** `3 messages, 1 consumer` */
export function countOf({ holds, ready, consumers }: AbandonedQueue): string {
  if (ready === null) return 'it does not answer';
  const what = holds === 'dead letters' ? 'dead letters' : 'messages';
  return consumers === 0 ? `${ready} ${what}` : `${ready} ${what}, ${consumers ?? 0} consumers`;
}
