import type { Broker } from '../broker/contract.js';
import type { Names, WorkerQueues } from '../broker/topology.js';
import { lastEntry } from '../log/bounds.js';
import type { BreakerState, ProcessReport } from './probe-process.js';

export interface WorkerStatus {
  worker: string;
  /** False for one that has none by its nature: all that is said of queues is 0. */
  hasQueue: boolean;
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

/** How far a worker is that reads the log. */
export interface LogReaderStatus {
  worker: string;
  /** Up to where it is done; null where no process on this machine says so. */
  offset: number | null;
  /** Offsets between that and the newest entry, about as many entries. */
  behind: number | null;
  /** How often its processes on this machine found entries lost, or the log made anew. */
  alarms: number;
}

export interface FleetStatus {
  workers: WorkerStatus[];
  logReaders: LogReaderStatus[];
  /** Messages that no worker has bound. */
  unrouted: number;
  processes: ProcessReport[];
}

export interface FleetStatusOptions {
  broker: Pick<Broker, 'queueDepth' | 'readStream'>;
  names: Names;
  workers: readonly WorkerQueues[];
  /** The workers that have no queue. @default none */
  queueless?: readonly string[];
  /** The workers that read the log. @default none */
  readers?: readonly string[];
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
  queueless = [],
  readers = [],
  kept,
  processes,
}: FleetStatusOptions): Promise<FleetStatus> {
  const readyIn = async (queue: string) => (await broker.queueDepth(queue))?.ready ?? 0;
  const newest = readers.length === 0 ? undefined : newestOffset(broker, names);
  const statuses: WorkerStatus[] = [];
  for (const { name: worker, retryDelays } of workers) {
    const depth = await broker.queueDepth(names.queue(worker));
    const retrying: WorkerStatus['retrying'] = [];
    for (const delay of [...new Set(retryDelays)].sort((a, b) => a - b)) {
      retrying.push({ delay, ready: await readyIn(names.retry(worker, delay)) });
    }
    statuses.push({
      worker,
      hasQueue: true,
      exists: depth !== undefined,
      ready: depth?.ready ?? 0,
      inHand: processes.reduce((sum, { inHand }) => sum + (inHand[worker] ?? 0), 0),
      retrying,
      dead: (await readyIn(names.dead(worker))) + (kept.get(worker) ?? 0),
      consumers: depth?.consumers ?? 0,
      breaker: worst(processes.flatMap(({ breakers }) => breakers[worker] ?? [])),
    });
  }
  statuses.push(...queueless.map(withoutQueue));
  return {
    workers: statuses,
    logReaders: logReaders(readers, await newest, processes),
    unrouted: await readyIn(names.unroutedQueue),
    processes: [...processes],
  };
}

function withoutQueue(worker: string): WorkerStatus {
  const nothing = { exists: false, ready: 0, inHand: 0, retrying: [], dead: 0, consumers: 0 };
  return { worker, hasQueue: false, ...nothing, breaker: 'unknown' };
}

async function newestOffset(broker: FleetStatusOptions['broker'], { log }: Names): Promise<number | undefined> {
  if ((await broker.queueDepth(log)) === undefined) return undefined;
  return (await lastEntry(broker, log))?.offset;
}

function logReaders(
  readers: readonly string[],
  newest: number | undefined,
  processes: readonly ProcessReport[],
): LogReaderStatus[] {
  return readers.map((worker) => {
    const offsets = processes.flatMap(({ logOffsets }) => logOffsets[worker] ?? []);
    const offset = offsets.length === 0 ? null : Math.max(...offsets);
    const alarms = processes.reduce((sum, { logAlarms }) => sum + (logAlarms[worker] ?? 0), 0);
    return { worker, offset, behind: offset === null ? null : Math.max(0, (newest ?? offset) - offset), alarms };
  });
}

function worst(states: readonly BreakerState[]): BreakerState | 'unknown' {
  for (const state of ['open', 'half-open', 'closed'] as const) if (states.includes(state)) return state;
  return 'unknown';
}
