import type { StreamConsumerState } from '../event-log/consumers/stream-consumer.js';
import type { ProjectionState } from '../projections/status.js';
import type { WindowsState } from '../windows/reader/run-windows.js';
import type { SagaCount } from '../sagas/queries.js';
import type { CheckResult } from '../telemetry/health-server.js';
import type { WorkerDefinition } from '../worker/definition/worker-definition.js';
import { hasQueue } from '../worker/definition/queues.js';
import type { RunningWorker, WorkerState } from '../worker/start.js';

/** A worker for `/readyz`. A projection that has stopped is reported, but the worker is ready: the others go on. */
export function workerCheck(
  worker: RunningWorker,
  definition: WorkerDefinition,
  sagas: readonly SagaCount[],
): CheckResult {
  const state = worker.state();
  const {
    consuming,
    circuitBreaker,
    openCause,
    pauses,
    full,
    inFlight,
    overdue,
    abandoned,
    unpublished,
    stuck,
    log,
    projections,
    windows,
    fault,
  } = state;
  const queue = [
    consuming ? 'consuming' : `paused${pauses.length > 0 ? ` (${pauses.join(', ')})` : ''}`,
    `circuit breaker ${circuitBreaker}${openCause === undefined ? '' : ` (${openCause})`}`,
    `${inFlight} in flight`,
    ...(overdue > 0 ? [`${overdue} overdue`] : []),
    ...(abandoned > 0 ? [`${abandoned} abandoned`] : []),
    ...(unpublished > 0 ? [`${unpublished} that the broker does not take for a retry or the dead letters`] : []),
    ...(full.length > 0 ? [`too many parked messages, ${full.length} subjects wait (flotilla subject list)`] : []),
    ...(stuck ? [`every slot is held (prefetch ${definition.prefetch})`] : []),
  ];
  const parts = [
    ...(fault === undefined ? [] : [fault]),
    ...(hasQueue(definition) ? queue : []),
    ...(log === undefined ? [] : [readingOf(log)]),
    ...projections.map(progressOf),
    ...windows.map(windowsOf),
    ...sagas.filter(({ count }) => count > 0).map(({ saga, status, count }) => `${count} of ${saga} ${status}`),
  ];
  const ok = consuming && !stuck && full.length === 0 && fault === undefined;
  return { ok, detail: parts.join(', '), ...timesOf(state) };
}

/** Since when the circuit breaker is not closed, and until when nothing is consumed. */
function timesOf({ openFor, pausedFor }: WorkerState): Pick<CheckResult, 'since' | 'until'> {
  const at = (milliseconds: number) => new Date(Date.now() + milliseconds).toISOString();
  return {
    ...(openFor !== undefined && { since: at(-openFor) }),
    ...(pausedFor !== undefined && { until: at(pausedFor) }),
  };
}

function readingOf({ status, offset, alarms }: StreamConsumerState): string {
  return [`log ${status}, done up to ${offset}`, ...alarms].join('; ');
}

function windowsOf({ name, version, status, watermark, open, alarms }: WindowsState): string {
  const time =
    watermark === undefined ? 'no event yet' : `watermark ${new Date(watermark).toISOString()}, ${open} open`;
  return [`${name}@${version} ${status}${status === 'reading' ? `, ${time}` : ''}`, ...alarms].join('; ');
}

function progressOf({ name, status, behind, stop }: ProjectionState): string {
  if (status === 'outdated') return `${name} has to be rebuilt`;
  if (stop === undefined) return `${name} ${behind} behind`;
  return `${name} stopped at ${stop.position} (${stop.type} ${stop.eventId}: ${stop.code})`;
}
