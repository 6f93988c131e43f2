import { withinLimit } from '../../../concurrency/within-limit.js';
import { queueNumbers } from '../../../observability/broker/queue-numbers.js';
import {
  orderStatus,
  type OrderedWorker,
  type OrderStatus,
  type WaitingKeys,
} from '../../../observability/order-status.js';
import { probeOrdering } from '../../../observability/processes/probe-ordering.js';
import { readProcesses } from '../../../observability/processes/process-registry.js';
import { partitionQueues, setsInBroker } from '../../../broker/topology/partition-sets.js';
import { sizesOf } from '../../../broker/topology/topology.js';
import type { Broker } from '../../../broker/broker.js';
import type { FleetSession } from '../../../runtime/operator/fleet-session.js';
import { runDirOf } from '../../../runtime/place.js';
import type { WorkerDefinition } from '../../../worker/definition/worker-definition.js';
import { countByKey, holdsOf } from '../../../worker/ordering/parked-table.js';
import { readPartitions } from '../../../worker/ordering/partitions/partition-table.js';
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
  const connected = await connection(session);
  const about = await Promise.all(workers.map((worker) => partitionsOf(session, worker, connected.broker)));
  const queues = about.flatMap(({ worker, sets }) => sets.flatMap((size) => partitionQueues(worker, size, names)));
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
  for (const [index, worker] of workers.entries()) {
    const [{ name }, ordered] = [worker, about[index]];
    if (ordered === undefined) continue;
    const waiting = await withinLimit(REQUEST_TIMEOUT_MS, () => waitingKeys(session, worker));
    if (!waiting.known) problems.push(`store ${worker.store}: ${waiting.reason}`);
    items.push(
      orderStatus(ordered, {
        names,
        numbers,
        reports: reports.flatMap((each) => each ?? []).filter((each) => each.worker === name),
        waiting: waiting.known ? waiting.value : undefined,
      }),
    );
  }
  return { items, problems, unreachable: connected.unreachable };
}

/** The partitions of a worker in its store and in the broker; those of its definition where neither answers. */
async function partitionsOf(
  session: FleetSession,
  worker: WorkerDefinition,
  broker: Broker | undefined,
): Promise<OrderedWorker> {
  const { name, ordering } = worker;
  const defined = ordering?.partitions ?? 1;
  const [stored, found] = await Promise.all([
    withinLimit(REQUEST_TIMEOUT_MS, async () => {
      const store = await orderedStore(session, worker);
      return store && readPartitions(store.query, name);
    }),
    withinLimit(REQUEST_TIMEOUT_MS, async () =>
      broker === undefined ? [] : setsInBroker(broker, name, sizesOf(defined), session.names),
    ),
  ]);
  const [state, sets] = [stored.known ? stored.value : undefined, found.known ? found.value : []];
  const size = state?.size ?? sets[0] ?? defined;
  return {
    ...{ worker: name, by: ordering?.by ?? 'subject', size, defined },
    moving: state?.moving === undefined ? null : { to: state.moving.to, passed: state.moving.passed.size },
    sets: [...new Set([size, ...sets])],
  };
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
