import { streamLease } from '../../event-log/consumers/stream-consumer.js';
import type { Fleet } from '../../fleet/define-fleet.js';
import { OPS_STORE } from '../../fleet/reserved-names.js';
import type { ProcessRecord } from '../../observability/processes/process-registry.js';
import { RELAY } from '../../outbox/relay.js';
import { projectionLease } from '../../projections/run.js';
import { versionName } from '../../windows/definition.js';
import type { WorkerDefinition } from '../../worker/definition/worker-definition.js';

/** A lease in the store of a service that one process of the fleet holds. */
export interface NeededLease {
  service: string;
  name: string;
  /** Whether one of the processes competes for it. */
  hasCandidate: boolean;
}

/** Returns the leases that a fleet with these workers needs. `processes`: those that run on this machine. */
export function neededLeases(
  { api }: Pick<Fleet, 'api'>,
  workers: readonly WorkerDefinition[],
  processes: readonly Pick<ProcessRecord, 'role' | 'workers'>[],
): NeededLease[] {
  const running = (name: string) => processes.some((process) => process.workers.includes(name));
  const relays = new Map([[OPS_STORE, processes.some(({ role }) => role === 'keeper')]]);
  if (api !== undefined)
    relays.set(
      api.store,
      processes.some(({ role }) => role === 'api'),
    );
  for (const { name, store } of workers) relays.set(store, relays.get(store) === true || running(name));
  return [
    ...[...relays].map(([service, hasCandidate]) => ({ service, name: RELAY, hasCandidate })),
    ...workers.flatMap(({ name, store: service, from, projections, windows }) => {
      const leases = projections.map((projection) => projectionLease(projection.name));
      leases.push(...windows.map((each) => streamLease(versionName(each))));
      if (from === 'log') leases.push(streamLease(name));
      return leases.map((lease) => ({ service, name: lease, hasCandidate: running(name) }));
    }),
  ];
}
