import { findAbandonedQueues, type AbandonedQueue } from '../../../broker/topology/abandoned-queues.js';
import type { Broker, TopologyDifference } from '../../../broker/broker.js';
import type { Management } from '../../../broker/rabbitmq/management/management.js';
import type { FleetSession } from '../../../runtime/operator/fleet-session.js';
import { hasCode } from '../../../errors.js';

/** Resolves with the abandoned queues of this fleet. Rejects with `broker.management`. `management`: of its broker. @default
 *  requests of its own */
export async function abandonedQueues(
  session: FleetSession,
  broker: Broker,
  management?: Pick<Management, 'queues' | 'bindings'>,
): Promise<AbandonedQueue[]> {
  const { declared } = session.queues();
  return findAbandonedQueues({
    management: management ?? (await session.management()),
    broker,
    names: session.names,
    workers: declared,
  });
}

/** Resolves with the abandoned queues as differences of the topology. Without the management API, prints a line and
 *  resolves with none. */
export async function surplusQueues(session: FleetSession, broker: Broker): Promise<TopologyDifference[]> {
  try {
    return (await abandonedQueues(session, broker)).map((each) => ({
      kind: 'queue',
      name: each.queue,
      problem: 'surplus',
      detail: `${reasonOf(each)}: ${countOf(each)}`,
    }));
  } catch (error) {
    if (!hasCode(error, 'broker.management')) throw error;
    session.notify(`Queues without a worker are not shown: ${error.message}`);
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
  const what = holds === 'retries' ? 'messages' : holds;
  return consumers === 0 ? `${ready} ${what}` : `${ready} ${what}, ${consumers ?? 0} consumers`;
}
