import { missingBindings } from '../../../broker/topology/compare-topology.js';
import { withVariants } from '../../../broker/topology/partition-sets.js';
import type { Management } from '../../../broker/rabbitmq/management/management.js';
import { topologyOf, type Topology } from '../../../broker/topology/topology.js';
import type { FleetSession } from '../../../runtime/operator/fleet-session.js';

/** Returns the topology of the enabled workers. */
export function wantedTopology(session: FleetSession): Topology {
  const { prefix, log, unroutedMax } = session.config;
  return topologyOf(session.queues().workers, { prefix, log, unroutedMax });
}

/** Resolves with the missing bindings of that topology, such as `events.work -> payment by payment.process`. Rejects
 *  with `broker.management`. */
export async function missingBindingNames(
  session: FleetSession,
  management: Pick<Management, 'exchanges' | 'bindings'>,
): Promise<string[]> {
  const [exchanges, bindings] = await Promise.all([
    management.exchanges(session.names.queue('')),
    management.bindings(),
  ]);
  const hasExchange = (wanted: string) => Promise.resolve(exchanges.some(({ name }) => name === wanted));
  const wanted = await withVariants(wantedTopology(session), { hasExchange });
  return missingBindings(wanted, bindings).map(({ name }) => name);
}
