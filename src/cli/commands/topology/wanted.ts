import { missingBindings } from '../../../broker/topology/compare-topology.js';
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
export async function missingBindingNames(session: FleetSession, management: Management): Promise<string[]> {
  return missingBindings(wantedTopology(session), await management.bindings()).map(({ name }) => name);
}
