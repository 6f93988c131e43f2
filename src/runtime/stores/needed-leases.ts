import { streamLease } from '../../event-log/consumers/stream-consumer.js';
import type { Fleet } from '../../fleet/define-fleet.js';
import { kafkaResultRoutes, kafkaWindows } from '../../fleet/kafka.js';
import { KAFKA_STORE, OPS_STORE } from '../../fleet/reserved-names.js';
import { SINK_LEASE } from '../../kafka/sink/sink.js';
import { topicWindowsLease } from '../../kafka/windows/topic-windows.js';
import type { ProcessRecord } from '../../observability/processes/process-registry.js';
import { RELAY } from '../../outbox/relay.js';
import { projectionLease } from '../../projections/run.js';
import { versionName } from '../../windows/definition.js';
import { sinkServices } from './kafka-sinks.js';
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
  fleet: Fleet,
  workers: readonly WorkerDefinition[],
  processes: readonly Pick<ProcessRecord, 'role' | 'workers'>[],
): NeededLease[] {
  const { api } = fleet;
  const running = (name: string) => processes.some((process) => process.workers.includes(name));
  const relays = new Map([[OPS_STORE, processes.some(({ role }) => role === 'keeper')]]);
  if (api !== undefined)
    relays.set(
      api.store,
      processes.some(({ role }) => role === 'api'),
    );
  for (const { name, store } of workers) relays.set(store, relays.get(store) === true || running(name));
  const hasKafka = processes.some(({ role }) => role === 'kafka');
  const windows = kafkaWindows(fleet);
  const sinks = [
    ...sinkServices(fleet),
    ...(Object.keys(kafkaResultRoutes(fleet, '')).length > 0 ? [KAFKA_STORE] : []),
  ];
  return [
    ...sinks.map((service) => ({ service, name: SINK_LEASE, hasCandidate: hasKafka })),
    ...windows.map((each) => ({ service: KAFKA_STORE, name: topicWindowsLease(each), hasCandidate: hasKafka })),
    ...[...relays].map(([service, hasCandidate]) => ({ service, name: RELAY, hasCandidate })),
    ...workers.flatMap(({ name, store: service, from, projections, windows }) => {
      const leases = projections.map((projection) => projectionLease(projection.name));
      leases.push(...windows.map((each) => streamLease(versionName(each))));
      if (from === 'log') leases.push(streamLease(name));
      return leases.map((lease) => ({ service, name: lease, hasCandidate: running(name) }));
    }),
  ];
}
