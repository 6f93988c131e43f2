import { withinLimit } from '../../../concurrency/within-limit.js';
import { queueNumbers } from '../../../observability/broker/queue-numbers.js';
import { orderStatus, type OrderStatus, type WaitingKeys } from '../../../observability/order-status.js';
import { probeOrdering } from '../../../observability/processes/probe-ordering.js';
import { readProcesses } from '../../../observability/processes/process-registry.js';
import { partitionQueues } from '../../../broker/topology/topology.js';
import type { Broker } from '../../../broker/broker.js';
import type { FleetSession } from '../../../runtime/operator/fleet-session.js';
import { runDirOf } from '../../../runtime/place.js';
import { queuesOf } from '../../../worker/definition/queues.js';
import type { WorkerDefinition } from '../../../worker/definition/worker-definition.js';
import { countByKey, holdsOf } from '../../../worker/ordering/parked-table.js';
import { orderedStore } from '../subject/ordered-workers.js';

/** Time limit for each source. */
const REQUEST_TIMEOUT_MS = 3000;
const MAX_HOLDS = 10_000;

export interface OrderStatuses {
  items: OrderStatus[];
  /** The sources that did not respond, and why. */
  problems: string[];
  /** The reason if there is no connection to the broker. */
  unreachable: Error | undefined;
}

/** Reads the state of ordered workers from the broker, from their stores and from their processes on this machine. */
export async function readOrder(session: FleetSession, workers: readonly WorkerDefinition[]): Promise<OrderStatuses> {
  const { names, config } = session;
  const problems: string[] = [];
  const queues = workers.map(queuesOf).flatMap((each) => partitionQueues(each, names));
  const connected = await connection(session);
  const [numbers, reports] = await Promise.all([
    connected.broker === undefined
      ? new Map()
      : queueNumbers(queues, { ...connected, managed: NOT_MANAGED, limit: REQUEST_TIMEOUT_MS }, problems),
    readProcesses(runDirOf(session)).then((processes) =>
      Promise.all(
        processes
          .filter((process) => workers.some(({ name }) => process.workers.includes(name)))
          .map((process) => probeOrdering(process, config.metricsToken)),
      ),
    ),
  ]);
  const items: OrderStatus[] = [];
  for (const worker of workers) {
    const { name, ordering } = worker;
    const waiting = await withinLimit(REQUEST_TIMEOUT_MS, () => waitingKeys(session, worker));
    if (!waiting.known) problems.push(`store ${worker.store}: ${waiting.reason}`);
    items.push(
      orderStatus(
        { worker: queuesOf(worker), by: ordering?.by ?? 'subject' },
        {
          names,
          numbers,
          reports: reports.flatMap((each) => each ?? []).filter((each) => each.worker === name),
          waiting: waiting.known ? waiting.value : undefined,
        },
      ),
    );
  }
  return { items, problems, unreachable: connected.unreachable };
}

const NOT_MANAGED = { known: false, reason: 'not read' } as const;

async function connection(
  session: FleetSession,
): Promise<{ broker: Broker | undefined; unreachable: Error | undefined }> {
  try {
    return { broker: await session.broker('read', REQUEST_TIMEOUT_MS), unreachable: undefined };
  } catch (error) {
    session.signal.throwIfAborted();
    return { broker: undefined, unreachable: error instanceof Error ? error : new Error(String(error)) };
  }
}

async function waitingKeys(session: FleetSession, worker: WorkerDefinition): Promise<WaitingKeys | undefined> {
  const store = await orderedStore(session, worker);
  if (store === undefined) return undefined;
  const held = await holdsOf(store.query, worker.name, MAX_HOLDS);
  return { parked: await countByKey(store.query, worker.name), held: held.map(({ key }) => key) };
}
