import type { Broker } from '../broker/contract.js';
import type { Names, WorkerQueues } from '../broker/topology.js';
import type { BreakerState, ProcessReport } from './probe-process.js';

export interface WorkerStatus {
  worker: string;
  /** False where its queue is not there: the topology has not been applied. */
  exists: boolean;
  /** Messages that wait for a consumer. */
  ready: number;
  /** Messages that its processes on this machine have in hand. */
  inHand: number;
  /** Messages that wait for their next attempt, by delay in milliseconds. */
  retrying: { delay: number; ready: number }[];
  /** Dead letters, in the queue and kept. */
  dead: number;
  consumers: number;
  /** The worst of its processes on this machine; unknown where none of them answers. */
  breaker: BreakerState | 'unknown';
}

export interface FleetStatus {
  workers: WorkerStatus[];
  /** Messages that no worker has bound. */
  unrouted: number;
  processes: ProcessReport[];
}

export interface FleetStatusOptions {
  broker: Pick<Broker, 'queueDepth'>;
  names: Names;
  workers: readonly WorkerQueues[];
  /** Dead letters that are kept and not settled, by worker. */
  kept: ReadonlyMap<string, number>;
  /** What the processes on this machine say. */
  processes: readonly ProcessReport[];
}

/** How the fleet stands: every worker with its queues, and the processes on this machine. Rejects with `broker.*`. */
export async function fleetStatus({
  broker,
  names,
  workers,
  kept,
  processes,
}: FleetStatusOptions): Promise<FleetStatus> {
  const readyIn = async (queue: string) => (await broker.queueDepth(queue))?.ready ?? 0;
  const statuses: WorkerStatus[] = [];
  for (const { name: worker, retryDelays } of workers) {
    const depth = await broker.queueDepth(names.queue(worker));
    const retrying: WorkerStatus['retrying'] = [];
    for (const delay of [...new Set(retryDelays)].sort((a, b) => a - b)) {
      retrying.push({ delay, ready: await readyIn(names.retry(worker, delay)) });
    }
    statuses.push({
      worker,
      exists: depth !== undefined,
      ready: depth?.ready ?? 0,
      inHand: processes.reduce((sum, { inHand }) => sum + (inHand[worker] ?? 0), 0),
      retrying,
      dead: (await readyIn(names.dead(worker))) + (kept.get(worker) ?? 0),
      consumers: depth?.consumers ?? 0,
      breaker: worst(processes.flatMap(({ breakers }) => breakers[worker] ?? [])),
    });
  }
  return { workers: statuses, unrouted: await readyIn(names.unrouted), processes: [...processes] };
}

function worst(states: readonly BreakerState[]): BreakerState | 'unknown' {
  for (const state of ['open', 'half-open', 'closed'] as const) if (states.includes(state)) return state;
  return 'unknown';
}
