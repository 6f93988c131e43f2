import { messageOf } from '../../errors.js';
import { readersIn } from '../../fleet/readers.js';
import { workerDefinitionOf } from '../../worker/definition/worker-definition.js';
import { checkHistory, type CheckHistoryOptions, type HistoryReport } from '../history/check-history.js';
import type { FleetSession } from '../operator/fleet-session.js';
import { consumersElsewhere, runningReaders, type RunningReader } from './running-readers.js';

/** One version of a message type. */
export interface TypeVersion {
  type: string;
  version: number;
}

/** Whether a version can be retired. */
export interface Retirement {
  /** Each part of the fleet and of its history that needs the version or could not be examined; empty if none does. */
  obstacles: string[];
  report: HistoryReport;
  processes: RunningReader[];
}

/** Milliseconds to wait for the queue of each worker to be empty. */
const QUEUE_TIMEOUT_MS = 10_000;

/** Examines what still needs a version: handlers that request it, messages in every store, archive and queue, and running
 *  processes. Changes nothing. */
export async function examineRetirement(
  session: FleetSession,
  wanted: TypeVersion,
  options: Pick<CheckHistoryOptions, 'signal' | 'onProgress'>,
): Promise<Retirement> {
  const readers = session.fleet.workers.map(workerDefinitionOf).flatMap(readersIn);
  const processes = await runningReaders(session, wanted.type);
  const report = await checkHistory(session, { ...options, queueTimeout: QUEUE_TIMEOUT_MS });
  const workers = new Set(readers.filter(({ reads }) => wanted.type in reads).map(({ worker }) => worker));
  const obstacles = [
    ...readers
      .filter(({ reads }) => reads[wanted.type]?.includes(wanted.version))
      .map(({ kind, name }) => `${kind} ${name} requests ${wanted.type}@${wanted.version}`),
    ...inHistory(report, wanted, workers),
    ...processes.flatMap((process) => inProcess(process, wanted)),
    ...(report.unread.some(({ place }) => place === 'broker') ? [] : await elsewhere(session, processes)),
  ];
  return { obstacles, report, processes };
}

function inHistory(
  { versions, unread, absent, queued }: HistoryReport,
  wanted: TypeVersion,
  workers: ReadonlySet<string>,
): string[] {
  const found = versions.find(({ type, version }) => type === wanted.type && version === wanted.version);
  return [
    ...Object.entries(found?.places ?? {}).map(([place, count]) => `${place} has ${messages(count)} of it`),
    ...unread.map(({ place, reason }) => `${place} could not be read: ${reason}`),
    ...absent.map((service) => `the store of ${service} is not on this machine`),
    ...Object.entries(queued)
      .filter(([worker]) => workers.has(worker))
      .map(([worker, count]) => `${messages(count)} in the queue of ${worker}, which is not read`),
  ];
}

function inProcess({ role, workers, pid, program, knows, reads }: RunningReader, { version }: TypeVersion): string[] {
  const name = `${role === 'worker' ? workers.join('+') : role} (pid ${pid})`;
  if (program === null) return [`${name} is of an earlier release, which does not report what it reads`];
  if (knows === null) return [];
  if (knows.latest <= version) return [`${name} writes version ${knows.latest}`];
  return reads
    .filter(({ versions }) => versions.includes(version))
    .map((reader) => `${reader.kind} ${reader.name} of ${name} requests version ${version}`);
}

async function elsewhere(session: FleetSession, processes: readonly RunningReader[]): Promise<string[]> {
  try {
    const consumers = Object.entries(await consumersElsewhere(session, processes));
    return consumers.map(
      ([worker, count]) => `${worker} has ${count} consumers that are not registered on this machine`,
    );
  } catch (error) {
    return [`the consumers could not be counted: ${messageOf(error)}`];
  }
}

function messages(count: number): string {
  return `${count.toLocaleString('en-US')} ${count === 1 ? 'message' : 'messages'}`;
}
