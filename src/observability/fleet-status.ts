import type { Broker } from '../broker/broker.js';
import type { Management, ManagedQueue } from '../broker/rabbitmq/management/management.js';
import { isPartition } from '../broker/topology/abandoned-queues.js';
import { consumedQueues } from '../broker/topology/partition-sets.js';
import type { Names, WorkerQueues } from '../broker/topology/topology.js';
import { lastEntry } from '../event-log/reading/log-bounds.js';
import { brokerHealth, type BrokerHealth } from './broker/broker-health.js';
import type { BreakerState, ProcessReport, ReportedCheck } from './processes/probe-process.js';
import { queueNumbers, totalOf, type QueueNumbers } from './broker/queue-numbers.js';
import { valueOf, withinLimit, type Answer } from '../concurrency/within-limit.js';

/** Unknown values are null. */
export interface WorkerStatus {
  worker: string;
  /** False for a worker without a queue; the numbers of its queues are then 0. */
  hasQueue: boolean;
  /** False if its queue does not exist, because the topology has not been applied. */
  exists: boolean | null;
  /** Messages that wait for a consumer. */
  ready: number | null;
  /** Messages in flight of its processes on this machine or, if none responds, of all its consumers. */
  inFlight: number | null;
  /** Messages that wait for their next attempt, by delay in milliseconds. */
  retrying: { delay: number; ready: number | null }[];
  /** Dead letters in the broker and in the store. */
  dead: number | null;
  /** Dead letters that wait in the broker. */
  deadInBroker: number | null;
  /** Unsettled dead letters in the store. */
  deadKept: number | null;
  /** RFC 3339: when the oldest of the stored ones was dead-lettered. */
  oldestDead: string | null;
  consumers: number | null;
  /** Messages per second, from the broker's latest statistics. */
  rates: { in: number; out: number } | null;
  /** The worst state of its processes on this machine. */
  breaker: BreakerState | null;
  /** RFC 3339: since when it is not closed, and when the next probe is due. */
  breakerSince: string | null;
  breakerUntil: string | null;
}

/** The progress of a worker that reads the stream. */
export interface LogReaderStatus {
  worker: string;
  /** Every entry up to this offset is processed; null if no process on this machine reports it. */
  offset: number | null;
  /** Offsets from there to the newest entry: approximately the number of entries. */
  behind: number | null;
  /** How often its processes on this machine detected lost entries or a recreated stream. */
  alarms: number;
}

/** Messages that match no worker's binding. For events this is normal; the sender of a command waits for an answer. */
export interface UnroutedStatus {
  total: number | null;
  /** How many of them were examined, oldest first. The following numbers count these. */
  examined: number;
  commands: number;
  events: number;
  /** Messages whose type is not in the catalogue. */
  others: number;
  /** RFC 3339: the time of the oldest command. */
  oldestCommand: string | null;
}

export interface FleetStatus {
  workers: WorkerStatus[];
  logReaders: LogReaderStatus[];
  unrouted: UnroutedStatus;
  processes: ProcessReport[];
  /** Null if the management API does not respond. */
  broker: BrokerHealth | null;
  /** The sources that did not respond, and why: the cause of each null. */
  problems: string[];
}

/** The unsettled dead letters of a worker in the store. */
export interface StoredDeadLetterCounts {
  count: number;
  /** RFC 3339. */
  oldest: string;
}

type Kept = Answer<ReadonlyMap<string, StoredDeadLetterCounts>>;

export interface FleetStatusOptions {
  /** Undefined while it is unreachable. */
  broker: Pick<Broker, 'queueDepth' | 'readStream' | 'hasExchange'> | undefined;
  /** Of the same broker. @default none: no rates, and no findings about nodes */
  management?: Pick<Management, 'queues' | 'overview' | 'nodes'>;
  names: Names;
  workers: readonly WorkerQueues[];
  /** The workers without a queue. @default none */
  queueless?: readonly string[];
  /** The workers that read the stream. @default none */
  readers?: readonly string[];
  /** By worker. */
  kept: Kept | Promise<Kept>;
  /** Examines the unrouted messages. Called only if there are any. */
  examineUnrouted?: () => Promise<UnroutedStatus>;
  /** The processes on this machine. */
  processes: readonly ProcessReport[] | Promise<readonly ProcessReport[]>;
  /** Time limit for each source, in milliseconds. @default 3000 */
  limit?: number;
}

const STATUS_TIMEOUT_MS = 3000;
/** Shorter than elsewhere: an offset that is a few entries too low does no harm in a status. */
const LAST_ENTRY_PAUSE_MS = 40;
/** The beginning of the problems of the management API. */
export const MANAGEMENT_PROBLEM = 'management API: ';

/** Resolves with the state of the fleet: every worker with its queues, the processes on this machine, the broker.
 *  Queries all sources concurrently, each with a time limit. Never rejects: the values of a source that does not
 *  respond are null, with a line in `problems`. */
export async function fleetStatus(options: FleetStatusOptions): Promise<FleetStatus> {
  const { broker, management, names, workers, queueless = [], readers = [], limit = STATUS_TIMEOUT_MS } = options;
  const problems: string[] = [];
  const log =
    broker === undefined || readers.length === 0
      ? undefined
      : withinLimit(2 * limit, async () => newestOffset(broker, names));
  const managed = await managedQueues(management, names, limit);
  if (!managed.known) problems.push(`${MANAGEMENT_PROBLEM}${managed.reason}`);
  const consumed = new Map(
    await Promise.all(
      workers.map(
        async (worker) => [worker.name, await consumedBy(worker, managed, { broker, names, limit })] as const,
      ),
    ),
  );
  const [numbers, newest, health, kept, processes] = await Promise.all([
    queueNumbers(queuesOf(workers, consumed, names, readers), { broker, managed, limit }, problems),
    log,
    management === undefined || !managed.known
      ? undefined
      : withinLimit(limit, () => brokerHealth(management, [...managed.value.values()])),
    options.kept,
    options.processes,
  ]);
  if (!kept.known) problems.unshift(`store ops: ${kept.reason}`);
  if (health?.known === false) problems.push(`${MANAGEMENT_PROBLEM}${health.reason}`);
  if (newest?.known === false) problems.push(`log ${names.log}: ${newest.reason}`);
  const unrouted = await unroutedOf(numbers.get(names.unroutedQueue), options, problems);
  return {
    workers: [
      ...workers.map((worker) => workerStatus(worker, consumed, names, numbers, kept, processes)),
      ...queueless.map(withoutQueue),
    ],
    logReaders: logReaders(readers, newest === undefined ? null : valueOf(newest), processes),
    unrouted,
    processes: [...processes],
    broker: health === undefined ? null : valueOf(health),
    problems,
  };
}

async function managedQueues(
  management: FleetStatusOptions['management'],
  names: Names,
  limit: number,
): Promise<Answer<ReadonlyMap<string, ManagedQueue>>> {
  if (management === undefined) return { known: false, reason: 'not used without a connection to the broker' };
  return withinLimit(limit, async () => {
    const queues = await management.queues(names.queue(''));
    return new Map(queues.map((queue) => [queue.name, queue]));
  });
}

/** The queues that a worker consumes; without an answer, its queue without partitions. */
async function consumedBy(
  worker: WorkerQueues,
  managed: Answer<ReadonlyMap<string, ManagedQueue>>,
  { broker, names, limit }: Pick<FleetStatusOptions, 'broker' | 'names'> & { limit: number },
): Promise<string[]> {
  const { name } = worker;
  const queue = names.queue(name);
  if (managed.known) return [queue, ...[...managed.value.keys()].filter((each) => isPartition(each, name, names))];
  const found = broker && (await withinLimit(limit, () => consumedQueues(broker, worker, names)));
  return found?.known === true ? found.value : [queue];
}

function queuesOf(
  workers: readonly WorkerQueues[],
  consumed: ReadonlyMap<string, readonly string[]>,
  names: Names,
  readers: readonly string[],
): string[] {
  return [
    names.unroutedQueue,
    ...(readers.length > 0 ? [names.log] : []),
    ...workers.flatMap((worker) => [
      ...(consumed.get(worker.name) ?? []),
      names.dead(worker.name),
      ...worker.retryDelays.map((delay) => names.retry(worker.name, delay)),
    ]),
  ];
}

function workerStatus(
  queues: WorkerQueues,
  consumed: ReadonlyMap<string, readonly string[]>,
  names: Names,
  numbers: ReadonlyMap<string, QueueNumbers>,
  kept: Kept,
  processes: readonly ProcessReport[],
): WorkerStatus {
  const { name: worker, retryDelays } = queues;
  const queue = totalOf((consumed.get(worker) ?? []).map((name) => numbers.get(name)));
  const deadInBroker = numbers.get(names.dead(worker))?.ready ?? null;
  const deadLetters = kept.known ? (kept.value.get(worker) ?? null) : null;
  const own = processes.filter(({ inFlight }) => inFlight[worker] !== undefined);
  const breaker = worst(processes.flatMap(({ breakers }) => breakers[worker] ?? []));
  return {
    worker,
    hasQueue: true,
    exists: queue?.exists ?? null,
    ready: queue?.ready ?? null,
    inFlight:
      own.length > 0 ? own.reduce((sum, { inFlight }) => sum + (inFlight[worker] ?? 0), 0) : (queue?.unacked ?? null),
    retrying: [...new Set(retryDelays)]
      .sort((a, b) => a - b)
      .map((delay) => ({ delay, ready: numbers.get(names.retry(worker, delay))?.ready ?? null })),
    dead: deadInBroker === null || !kept.known ? null : deadInBroker + (deadLetters?.count ?? 0),
    deadInBroker,
    deadKept: kept.known ? (deadLetters?.count ?? 0) : null,
    oldestDead: deadLetters?.oldest ?? null,
    consumers: queue?.consumers ?? null,
    rates: queue?.rates ?? null,
    breaker,
    ...breakerTimes(worker, breaker, processes),
  };
}

function withoutQueue(worker: string): WorkerStatus {
  return {
    worker,
    hasQueue: false,
    exists: false,
    ready: 0,
    inFlight: 0,
    retrying: [],
    dead: 0,
    deadInBroker: 0,
    deadKept: 0,
    oldestDead: null,
    consumers: 0,
    rates: null,
    breaker: null,
    breakerSince: null,
    breakerUntil: null,
  };
}

async function unroutedOf(
  queue: QueueNumbers | undefined,
  { examineUnrouted, limit = STATUS_TIMEOUT_MS }: FleetStatusOptions,
  problems: string[],
): Promise<UnroutedStatus> {
  const total = queue?.ready ?? null;
  const nothing = { total, examined: 0, commands: 0, events: 0, others: 0, oldestCommand: null };
  if (examineUnrouted === undefined || total === 0 || total === null) return nothing;
  const examined = await withinLimit(2 * limit, examineUnrouted);
  if (examined.known) return examined.value;
  problems.push(`messages that no worker binds: ${examined.reason}`);
  return nothing;
}

/** 0 for an empty stream, as for one with a single entry. */
async function newestOffset(
  broker: Pick<Broker, 'queueDepth' | 'readStream' | 'hasExchange'>,
  { log }: Names,
): Promise<number> {
  if ((await broker.queueDepth(log)) === undefined) return 0;
  return (await lastEntry(broker, log, LAST_ENTRY_PAUSE_MS))?.offset ?? 0;
}

function logReaders(
  readers: readonly string[],
  newest: number | null,
  processes: readonly ProcessReport[],
): LogReaderStatus[] {
  return readers.map((worker) => {
    const offsets = processes.flatMap(({ logOffsets }) => logOffsets[worker] ?? []);
    const offset = offsets.length === 0 ? null : Math.max(...offsets);
    const alarms = processes.reduce((sum, { logAlarms }) => sum + (logAlarms[worker] ?? 0), 0);
    const behind = offset === null || newest === null ? null : Math.max(0, newest - offset);
    return { worker, offset, behind, alarms };
  });
}

function worst(states: readonly BreakerState[]): BreakerState | null {
  for (const state of ['open', 'half-open', 'closed'] as const) if (states.includes(state)) return state;
  return null;
}

/** The times of the process whose circuit breaker stays open the longest. */
function breakerTimes(
  worker: string,
  breaker: BreakerState | null,
  processes: readonly ProcessReport[],
): Pick<WorkerStatus, 'breakerSince' | 'breakerUntil'> {
  if (breaker === null || breaker === 'closed') return { breakerSince: null, breakerUntil: null };
  const checks = processes
    .filter(({ breakers }) => breakers[worker] === breaker)
    .flatMap(({ checks: all }) => all[worker] ?? []);
  const last = checks.reduce<ReportedCheck | undefined>(
    (longest, each) => ((each.until ?? '') > (longest?.until ?? '') ? each : (longest ?? each)),
    undefined,
  );
  return { breakerSince: last?.since ?? null, breakerUntil: last?.until ?? null };
}
