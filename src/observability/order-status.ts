import { slotOf } from '../broker/messages/slot-headers.js';
import { partitionQueues } from '../broker/topology/partition-sets.js';
import type { Names, SetSize } from '../broker/topology/topology.js';
import type { OrderingOptions } from '../worker/definition/options.js';
import type { QueueNumbers } from './broker/queue-numbers.js';
import type { PartitionReport } from './processes/probe-ordering.js';

/** A queue of an ordered worker. Unknown values are null. */
export interface PartitionStatus {
  queue: string;
  /** Messages in the broker that no replica has received. */
  ready: number | null;
  /** Messages of its active consumer. */
  inFlight: number | null;
  /** RFC 3339: when the oldest of the received and of the parked messages was published or parked. */
  oldest: string | null;
  /** Of which one is active. */
  consumers: number | null;
  /** Messages that wait in the store of the worker. */
  parked: number | null;
  /** Subjects that wait for an operator. */
  held: number | null;
  /** Whether its active consumer receives nothing although there are messages. */
  isStalled: boolean | null;
  /** How often that was so, since the processes started. */
  stalls: number | null;
}

/** A subject of an ordered worker with many messages. */
export interface HotSubject {
  subject: string;
  queue: string;
  /** Those handled in the last one to two minutes, at least; null if unknown. */
  messages: number | null;
  parked: number | null;
}

export interface OrderStatus {
  worker: string;
  by: OrderingOptions['by'];
  /** The number of partitions, and the one in its definition. */
  size: SetSize;
  defined: SetSize;
  /** The change under way, and how many of the old partitions are empty. */
  moving: { to: SetSize; passed: number } | null;
  /** How many of the queues below exist. */
  existing: number | null;
  partitions: PartitionStatus[];
  /** Those with the most messages and parked messages, at most ten. */
  hottest: HotSubject[];
}

/** What waits in the store of a worker, by key. */
export interface WaitingKeys {
  parked: readonly { key: string; count: number; since: number }[];
  held: readonly string[];
}

/** Of which status is given. */
export interface OrderedWorker extends Pick<OrderStatus, 'worker' | 'by' | 'size' | 'defined' | 'moving'> {
  /** The numbers of partitions of which it has queues in the broker. */
  sets: readonly SetSize[];
}

export interface OrderStatusSources {
  names: Names;
  numbers: ReadonlyMap<string, QueueNumbers>;
  /** Of its processes on this machine. */
  reports: readonly PartitionReport[];
  /** Undefined if the store is not on this machine. */
  waiting: WaitingKeys | undefined;
}

const MAX_SUBJECTS = 10;

/** The state of an ordered worker: its partitions, and its subjects with the most messages. */
export function orderStatus(
  { sets, ...about }: OrderedWorker,
  { names, numbers, reports, waiting }: OrderStatusSources,
): OrderStatus {
  const { worker, size } = about;
  const queues = sets.flatMap((each) => partitionQueues(worker, each, names));
  const queueOf = (key: string) => names.partition(worker, size, slotOf(key) % size);
  const own = reports.filter((report) => report.worker === worker);
  const partitions = queues.map((queue) =>
    partitionStatus(queue, {
      numbers: numbers.get(queue),
      reports: own.filter((report) => report.queue === queue),
      waiting: waiting && {
        parked: waiting.parked.filter(({ key }) => queueOf(key) === queue),
        held: waiting.held.filter((key) => queueOf(key) === queue),
      },
    }),
  );
  const exists = queues.map((queue) => numbers.get(queue)?.exists ?? null);
  return {
    ...about,
    existing: exists.includes(null) ? null : exists.filter(Boolean).length,
    partitions,
    hottest: hottestSubjects(own, waiting, queueOf),
  };
}

function partitionStatus(
  queue: string,
  sources: {
    numbers: QueueNumbers | undefined;
    reports: readonly PartitionReport[];
    waiting: WaitingKeys | undefined;
  },
): PartitionStatus {
  const { numbers, reports, waiting } = sources;
  const isReported = reports.length > 0;
  const times = [
    ...reports.flatMap(({ oldestAt }) => oldestAt ?? []),
    ...(waiting?.parked ?? []).map(({ since }) => new Date(since).toISOString()),
  ];
  return {
    queue,
    ready: numbers?.ready ?? null,
    inFlight: isReported ? sum(reports.map(({ inFlight }) => inFlight)) : (numbers?.unacked ?? null),
    oldest: times.sort()[0] ?? null,
    consumers: numbers?.consumers ?? null,
    parked: waiting === undefined ? null : sum(waiting.parked.map(({ count }) => count)),
    held: waiting?.held.length ?? null,
    isStalled: isReported ? reports.some(({ isStalled }) => isStalled) : null,
    stalls: isReported ? sum(reports.map(({ stalls }) => stalls)) : null,
  };
}

function hottestSubjects(
  reports: readonly PartitionReport[],
  waiting: WaitingKeys | undefined,
  queueOf: (key: string) => string,
): HotSubject[] {
  const found = new Map<string, HotSubject>();
  const entryOf = (subject: string, queue: string) => {
    const [messages, parked] = [reports.length > 0 ? 0 : null, waiting === undefined ? null : 0];
    const entry = found.get(subject) ?? { subject, queue, messages, parked };
    found.set(subject, entry);
    return entry;
  };
  for (const { queue, subjects } of reports) {
    for (const { subject, count } of subjects) {
      const entry = entryOf(subject, queue);
      entry.messages = (entry.messages ?? 0) + count;
    }
  }
  for (const { key, count } of waiting?.parked ?? []) entryOf(key, queueOf(key)).parked = count;
  const weightOf = ({ messages, parked }: HotSubject) => (messages ?? 0) + (parked ?? 0);
  return [...found.values()].sort((a, b) => weightOf(b) - weightOf(a)).slice(0, MAX_SUBJECTS);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
