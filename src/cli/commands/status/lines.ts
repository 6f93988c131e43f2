import type { AbandonedQueue } from '../../../broker/topology/abandoned-queues.js';
import { formatAge, formatDuration } from '../../../duration.js';
import {
  MANAGEMENT_PROBLEM,
  type LogReaderStatus,
  type UnroutedStatus,
  type WorkerStatus,
} from '../../../observability/fleet-status.js';
import { UNUSABLE_QUEUE } from '../../../observability/broker/queue-numbers.js';
import type { ProcessReport, ReportedCheck } from '../../../observability/processes/probe-process.js';
import { describeDifference, hasOtherQueues } from '../../../runtime/fleet/topology-settings.js';
import { withoutKey } from '../../shared/without-key.js';
import { table } from '../../shared/output/print-list.js';
import { countOf, reasonOf } from '../topology/abandoned.js';
import type { OpenSagas } from '../sagas/open-counts.js';
import type { Status } from './source.js';

/** An unknown value. */
const UNKNOWN = '?';
const NONE = '-';
/** Events that wait for less are in progress. */
const UNPUBLISHED_AFTER_S = 5;

/** Returns the status for people, as of `now`, in milliseconds since the epoch. `unreachable`: without a connection to
 *  the broker. The caller prints the reason, so that of the management API, usually the same one, is omitted; so is
 *  that of a store that is not on this machine. */
export function statusLines(
  status: Status,
  { width, now, unreachable }: { width: number; now: number; unreachable: boolean },
): string[] {
  const {
    workers,
    logReaders,
    unrouted,
    processes,
    broker,
    sagas,
    quarantined,
    ordering,
    abandoned,
    missingBindings,
    problems,
    unread,
  } = status;
  const isTableKnown = !unreachable || workers.some(isKnown);
  const lines = [
    `${brokerLine(status)}${unreachable ? ': not reachable' : ''}`,
    ...signatureLines(status),
    ...status.differentSettings.map((each) => `WARNING: ${describeDifference(each)}`),
    ...(broker?.findings ?? []).map(({ kind, detail }) => `${kind === 'alarm' ? 'ALARM' : 'WARNING'}: ${detail}`),
    ...(isTableKnown ? ['', ...workerTable(workers, { width, now })] : []),
  ];
  const notes = [
    ...(unreachable && processes.length === 0 ? ['No process of the fleet runs on this machine.'] : []),
    ...(isTableKnown ? [] : ['The state of the queues is not known.']),
    ...(!hasOtherQueues(status.differentSettings) &&
    workers.some(({ hasQueue, exists }) => hasQueue && exists === false)
      ? ['Queues are missing: flotilla topology apply']
      : missingBindingLines(missingBindings ?? [])),
    ...sagas.flatMap(sagaLines),
    ...[...new Set(processes.flatMap(({ stoppedProjections }) => stoppedProjections))].map(
      (name) =>
        `ALARM: projection ${name} is stopped at an event or has to be rebuilt: flotilla projections show ${name}`,
    ),
    ...unroutedLines(unrouted, now),
    ...recreatedLines(processes),
    ...noConsumerLines(workers.filter((worker) => hasNoConsumer(worker, processes))),
    ...quarantineLines(quarantined, now),
    ...ordering.flatMap(orderingLines),
    ...deadLines(workers, now),
    ...(abandoned ?? []).map(abandonedLine),
    ...unpublishedLines(processes),
    ...logReaders.map(logLine),
    ...processes.flatMap(kafkaLines),
    ...processLines(processes, now),
    ...problemLines(
      problems.filter(
        (problem) =>
          !(unreachable && problem.startsWith(MANAGEMENT_PROBLEM)) &&
          !unread.some((service) => problem.startsWith(`store ${service}: `)),
      ),
    ),
  ];
  return notes.length === 0 ? lines : [...lines, '', ...notes];
}

function signatureLines({ signingKey, fleetKey }: Status): string[] {
  if (signingKey !== null) return [];
  if (fleetKey === null) return ['WARNING: messages are not signed; see flotilla doctor'];
  return [`WARNING: ${withoutKey(fleetKey)}`];
}

/** Queues without a leader are usually many, and have one cause: they are counted. */
function problemLines(problems: readonly string[]): string[] {
  const isUnusable = (problem: string) => problem.endsWith(`: ${UNUSABLE_QUEUE}`);
  const unusable = problems.filter(isUnusable);
  const lines = problems.filter((problem) => !isUnusable(problem)).map((problem) => `Unknown: ${problem}`);
  if (unusable.length === 0) return lines;
  const which = unusable.length === 1 ? unusable.join() : `${unusable.length} queues: ${UNUSABLE_QUEUE}`;
  return [`Unknown: ${which}: restart the broker (a private one: end flotilla up and start it again)`, ...lines];
}

/** A process counts since its start. */
function recreatedLines(processes: readonly ProcessReport[]): string[] {
  const parts = processes.reduce((sum, { topologyRecreated }) => sum + topologyRecreated, 0);
  if (parts === 0) return [];
  const names = processes.filter(({ topologyRecreated }) => topologyRecreated > 0).map(shortNameOf);
  return [
    `WARNING: topology was missing and has been recreated: ${parts} parts by ${names.join(', ')} since its start; ` +
      'the messages of deleted queues are lost: flotilla replay sends events again; shown until the process restarts',
  ];
}

function workerTable(workers: readonly WorkerStatus[], { width, now }: { width: number; now: number }): string[] {
  return table(
    workers,
    {
      worker: ({ worker }) => worker,
      ready: ({ exists, ready }) => (exists === false ? NONE : numberCell(ready)),
      'in flight': (worker) => queueCell(worker, numberCell(worker.inFlight)),
      retrying: (worker) => queueCell(worker, retryingCell(worker)),
      dead: (worker) => queueCell(worker, deadCell(worker)),
      consumers: (worker) => queueCell(worker, numberCell(worker.consumers)),
      'in/s': (worker) => queueCell(worker, rateCell(worker.rates?.in)),
      'out/s': (worker) => queueCell(worker, rateCell(worker.rates?.out)),
      breaker: (worker) => queueCell(worker, breakerCell(worker, now)),
    },
    { width, freeText: ['retrying', 'breaker'] },
  );
}

/** Returns whether the broker, the store or a process has reported on the worker. */
function isKnown({ hasQueue, exists, inFlight, deadKept, breaker }: WorkerStatus): boolean {
  return hasQueue && ([exists, inFlight, breaker].some((value) => value !== null) || (deadKept ?? 0) > 0);
}

function brokerLine({ brokerUrl, broker }: Status): string {
  if (broker === null) return `Broker ${brokerUrl}`;
  const { version, nodes } = broker;
  const running = nodes.filter((node) => node.running).length;
  const count = nodes.length === 1 ? '1 node' : `${running} of ${nodes.length} nodes running`;
  return `Broker ${brokerUrl}: RabbitMQ ${version}, ${count}`;
}

function queueCell({ hasQueue }: WorkerStatus, cell: string): string {
  return hasQueue ? cell : NONE;
}

function numberCell(value: number | null): string {
  return value === null ? UNKNOWN : String(value);
}

function rateCell(rate: number | undefined): string {
  return rate === undefined ? UNKNOWN : rate.toFixed(rate < 10 ? 1 : 0);
}

/** `3 (1m: 2, 10m: 1)` */
function retryingCell({ retrying }: WorkerStatus): string {
  const waiting = retrying.filter(({ ready }) => ready === null || ready > 0);
  if (waiting.length === 0) return '0';
  const total = waiting.reduce((sum, { ready }) => sum + (ready ?? 0), 0);
  if (waiting.length === retrying.length && waiting.every(({ ready }) => ready === null)) return UNKNOWN;
  const isWhole = waiting.every(({ ready }) => ready !== null);
  const parts = waiting.map(({ delay, ready }) => `${formatDuration(delay)}: ${numberCell(ready)}`);
  return `${total}${isWhole ? '' : `+${UNKNOWN}`} (${parts.join(', ')})`;
}

/** `5`, or `4+?` if a part of them is unknown. */
function deadCell({ dead, deadInBroker, deadKept }: WorkerStatus): string {
  if (dead !== null) return String(dead);
  const known = deadInBroker ?? deadKept;
  return known === null ? UNKNOWN : `${known}+${UNKNOWN}`;
}

/** `open, 8s left` */
function breakerCell({ breaker, breakerUntil, breakerSince }: WorkerStatus, now: number): string {
  if (breaker === null) return 'unknown';
  const since = breakerSince === null ? '' : ` for ${formatAge(now - Date.parse(breakerSince))}`;
  return `${breaker}${since}${leftOf(breakerUntil, now)}`;
}

function missingBindingLines(bindings: readonly string[]): string[] {
  if (bindings.length === 0) return [];
  return [
    'ALARM: bindings are missing, so messages are not routed to their queues: flotilla topology apply',
    ...bindings.map((binding) => `  ${binding}`),
  ];
}

/** Ignores workers with processes on this machine, which are reported with their processes. */
function hasNoConsumer({ worker, exists, consumers }: WorkerStatus, processes: readonly ProcessReport[]): boolean {
  return exists === true && consumers === 0 && !processes.some(({ workers }) => workers.includes(worker));
}

function noConsumerLines(workers: readonly WorkerStatus[]): string[] {
  if (workers.length === 0) return [];
  return [
    'WARNING: queues without a consumer; the worker does not run, or its circuit breaker is open on another machine:',
    ...workers.map(({ worker }) => `  ${worker}`),
  ];
}

/** One line for each worker, type and version; messages that follow another one of their subject are counted together. */
function quarantineLines(quarantined: Status['quarantined'], now: number): string[] {
  const lines = new Map<string, { count: number; oldest: number }>();
  for (const { worker, type, version, reason, count, oldest } of quarantined) {
    const what = reason === 'behind' ? 'messages behind them' : `${type}${version === null ? '' : ` ${version}`}`;
    const known = lines.get(`${worker}: ${what}`) ?? { count: 0, oldest: now };
    lines.set(`${worker}: ${what}`, {
      count: known.count + count,
      oldest: Math.min(known.oldest, Date.parse(oldest)),
    });
  }
  if (lines.size === 0) return [];
  return [
    'QUARANTINE: messages wait for a release that reads them; deploy it, or see flotilla quarantine list',
    ...[...lines].map(([what, { count, oldest }]) => `  ${what}: ${count}, oldest ${formatAge(now - oldest)}`),
  ];
}

/** `statements: 1 subject is held, 3 messages are parked: flotilla subject list` */
function orderingLines({ worker, parked, held }: Status['ordering'][number]): string[] {
  const parts = [
    ...(held > 0 ? [held === 1 ? '1 subject is held' : `${held} subjects are held`] : []),
    ...(parked > 0 ? [parked === 1 ? '1 message is parked' : `${parked} messages are parked`] : []),
  ];
  if (parts.length === 0) return [];
  return [`${held > 0 ? 'WARNING: ' : ''}${worker}: ${parts.join(', ')}: flotilla subject list ${worker}`];
}

function deadLines(workers: readonly WorkerStatus[], now: number): string[] {
  const total = workers.reduce((sum, { deadInBroker, deadKept }) => sum + (deadInBroker ?? 0) + (deadKept ?? 0), 0);
  if (total === 0) return [];
  const inBroker = workers.reduce((sum, { deadInBroker }) => sum + (deadInBroker ?? 0), 0);
  const [oldest] = workers.flatMap(({ oldestDead }) => oldestDead ?? []).sort();
  const age = oldest === undefined ? '' : `, the oldest ${formatAge(now - Date.parse(oldest))} old`;
  const uncollected = inBroker === 0 ? '' : `; ${inBroker} of them wait in the broker for a keeper, or dead collect`;
  return [`Dead letters (${total}${age}${uncollected}): flotilla dead list`];
}

function unroutedLines(
  { total, examined, commands, events, others, oldestCommand }: UnroutedStatus,
  now: number,
): string[] {
  if (total === null || total === 0) return [];
  const scope = examined >= total ? '' : ` among the first ${examined} of ${total}`;
  const unexamined = examined >= total ? '' : ', and there may be commands among the others';
  const age = oldestCommand === null ? '' : `, the oldest ${formatAge(now - Date.parse(oldestCommand))} old`;
  const rest = [
    ...(events > 0 ? [`events: ${events}`] : []),
    ...(others > 0 ? [`of unknown types: ${others}`] : []),
  ].join(', ');
  return [
    ...(commands > 0
      ? [`ALARM: commands that no worker binds: ${commands}${scope}${age}: flotilla unrouted list`]
      : []),
    ...(examined === 0 ? [`Messages that no worker binds: ${total}; their kinds are not known`] : []),
    ...(rest === ''
      ? []
      : [`Messages that no worker binds, normal for events (${rest}${scope})${unexamined}: flotilla unrouted list`]),
  ];
}

function abandonedLine(each: AbandonedQueue): string {
  return `Queue without use: ${each.queue} (${reasonOf(each)}): ${countOf(each)}: flotilla topology remove --surplus`;
}

function sagaLines({ saga, failed }: OpenSagas): string[] {
  if (failed === 0) return [];
  return [`ALARM: ${failed} of ${saga} failed: manual intervention required: flotilla sagas list --status failed`];
}

/** `3 events of core wait to be published, the oldest for 23s`. Several processes may report the same events. */
function unpublishedLines(processes: readonly ProcessReport[]): string[] {
  const longest = new Map<string, { events: number; seconds: number }>();
  for (const [service, each] of processes.flatMap(({ unpublished }) => Object.entries(unpublished))) {
    if (each.seconds >= Math.max(UNPUBLISHED_AFTER_S, longest.get(service)?.seconds ?? 0)) longest.set(service, each);
  }
  return [...longest].map(([service, { events, seconds }]) => {
    const what = events === 1 ? `1 event of ${service} waits` : `${events} events of ${service} wait`;
    return `${what} to be published, the oldest for ${formatAge(seconds * 1000)}`;
  });
}

/** `journal is done with the log up to offset 12, 3 behind` */
function logLine({ worker, offset, behind, alarms }: LogReaderStatus): string {
  if (offset === null) return `${worker} reads the log: no process on this machine reports how far it is`;
  const alarm = alarms === 0 ? '' : `; ALARM: it found entries or events lost ${alarms} times, see its /readyz`;
  return `${worker} is done with the log up to offset ${offset}, ${behind ?? UNKNOWN} behind${alarm}`;
}

/** `sink:core is with kafka (pid 4711): 0 positions behind`, of the parts that a process has. Those that fail are among the
 *  reasons why it is not ready. */
function kafkaLines({ role, pid, checks }: ProcessReport): string[] {
  if (role !== 'kafka') return [];
  return Object.entries(checks)
    .filter(([name, { ok, detail }]) => ok && /^(sink|source|windows):/.test(name) && !detail.startsWith('another'))
    .map(([name, { detail }]) => `${name} is with kafka (pid ${pid}): ${detail}`);
}

/** Returns the reasons why processes are not ready, and their end. A reason of several processes is printed once. */
function processLines(processes: readonly ProcessReport[], now: number): string[] {
  const reports = processes
    .filter(({ health }) => health === 'not ready')
    .map((process) => ({ process, reasons: reasonsOf(process, now) }));
  const reporters = new Map<string, string[]>();
  for (const { process, reasons } of reports) {
    for (const reason of reasons) reporters.set(reason, [...(reporters.get(reason) ?? []), shortNameOf(process)]);
  }
  const shared = [...reporters].filter(([, names]) => names.length > 1);
  const isShared = new Set(shared.map(([reason]) => reason));
  return [
    ...processes.filter(({ health }) => health === 'silent').map(silentLine),
    ...shared.flatMap(([reason, names]) => [`${names.length} processes are not ready: ${names.join(', ')}`, reason]),
    ...reports.flatMap(({ process, reasons }) => {
      const own = reasons.filter((reason) => !isShared.has(reason));
      if (own.length === 0 && reasons.length > 0) return [];
      const noReason = '; /readyz gives no reason without METRICS_TOKEN or API_TOKEN';
      return [`${nameOf(process)} is not ready${reasons.length === 0 ? noReason : ''}`, ...own];
    }),
  ];
}

/** A suspended process ignores SIGTERM, so that only SIGKILL ends it. */
function silentLine(process: ProcessReport): string {
  return (
    `${nameOf(process)} does not answer; it is starting, stopped, or its event loop is blocked: ` +
    `if this lasts, run kill -KILL ${process.pid}; flotilla up or another supervisor starts it again, otherwise you do`
  );
}

function reasonsOf({ checks }: ProcessReport, now: number): string[] {
  return Object.entries(checks)
    .filter(([, { ok }]) => !ok)
    .map(([check, reported]) => `  ${check}: ${causeOf(reported, now)}`);
}

function nameOf({ role, workers, pid, url }: ProcessReport): string {
  return `${workers.join(', ') || role} (pid ${pid}, ${url})`;
}

function shortNameOf({ role, workers, pid }: ProcessReport): string {
  return `${workers.join('+') || role} (pid ${pid})`;
}

function causeOf({ detail, since, until }: ReportedCheck, now: number): string {
  const age = since === undefined ? '' : `, for ${formatAge(now - Date.parse(since))}`;
  return `${detail}${age}${leftOf(until ?? null, now)}`;
}

/** `, until 12:00:10 (8s left)` */
function leftOf(until: string | null, now: number): string {
  if (until === null) return '';
  return `, until ${until.slice(11, 19)} UTC (${formatAge(Date.parse(until) - now)} left)`;
}
