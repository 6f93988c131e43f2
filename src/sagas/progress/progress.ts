import { sagaEvents } from '../../events/saga-events.js';
import { evolve, initialState, stepState, type SagaEvent, type SagaState, type SagaStatus } from '../decision/state.js';
import { describeEvent } from './describe-event.js';
import type { Direction } from '../definition/types.js';

/** The part of an event of a saga's stream from which progress is derived. */
export interface SagaEntry {
  /** Its version in the stream, from 1. */
  sequence: number;
  /** RFC 3339. */
  time: string;
  type: string;
  /** The event's data. The message data that a saga keeps (`input`, `result`) may be absent. */
  data: unknown;
}

/** `requested`: no answer yet. `refused`: the service replied that it did not execute the step. `timed_out`,
 *  `discarded`: no answer, so the step may have been executed. */
export const stepStatuses = [
  'not_started',
  'requested',
  'done',
  'refused',
  'timed_out',
  'discarded',
  'compensating',
  'compensated',
  'compensation_failed',
] as const;

/** The status of a step of a saga. */
export type StepStatus = (typeof stepStatuses)[number];

/** The progress of one step of a saga. */
export interface StepProgress {
  name: string;
  state: StepStatus;
  /** How many commands were sent to execute the step, and how many to compensate it. */
  attempts: number;
  compensationAttempts: number;
  /** RFC 3339; null until then. */
  doneAt: string | null;
  compensatedAt: string | null;
  /** Why the latest attempt failed; null after a success. */
  failure: string | null;
}

/** The answer or the next attempt that a saga waits for. */
export interface SagaWaiting {
  step: string;
  direction: Direction;
  attempt: number;
  for: 'answer' | 'retry';
  /** RFC 3339. */
  until: string;
  /** The deadline has passed without a reaction: the worker may not be running. */
  overdue: boolean;
  /** The type of the dead-lettered command and its error code; null while it is not dead-lettered. */
  deadLettered: string | null;
}

/** `failed`: a step cannot be compensated; manual intervention is required. */
export const sagaProgressStatuses = [
  'not_started',
  'started',
  'completed',
  'compensating',
  'compensated',
  'failed',
] as const satisfies readonly ('not_started' | SagaStatus)[];

/** The status of a saga. */
export type SagaProgressStatus = (typeof sagaProgressStatuses)[number];

/** The progress of a saga: its steps, what it waits for, its history. Contains no message data. */
export interface SagaProgress {
  saga: string;
  sagaId: string;
  status: SagaProgressStatus;
  /** Why the saga is compensating, has failed, or was cancelled before it started. */
  reason: string | null;
  /** RFC 3339; null while unknown. */
  startedAt: string | null;
  endedAt: string | null;
  /** In execution order. Steps that have not started are included only if the definition is known. */
  steps: StepProgress[];
  waiting: SagaWaiting | null;
  /** The history, one line for each event; `kind` is its type without `saga.`. */
  entries: { at: string; step: string | null; kind: string; text: string }[];
  /** Whether the entries are complete from the first to the newest known one. */
  complete: boolean;
}

export interface SagaProgressOptions {
  saga: string;
  sagaId: string;
  /** The names of all steps, in execution order. @default the steps that have started */
  steps?: readonly string[];
  /** Milliseconds since the epoch. */
  now: number;
}

/** Derives the progress of a saga from the entries of its stream, which may be unordered and incomplete. */
export function sagaProgress(
  entries: readonly SagaEntry[],
  { saga, sagaId, steps = [], now }: SagaProgressOptions,
): SagaProgress {
  const known = entries.filter(({ type }) => type in sagaEvents).sort((a, b) => a.sequence - b.sequence);
  const history = known.map(({ time, type, data }) => ({
    at: time,
    event: { type, data } as SagaEvent, // validated when stored; `input` and `result` are not read here
  }));
  const state = history.reduce((before, { event }) => evolve(before, event), initialState);
  const status = statusOf(state, history);
  const names = new Set([...steps, ...Object.keys(state.steps)]);
  const lastTimeOf = (...types: SagaEvent['type'][]) =>
    history.findLast(({ event }) => types.includes(event.type))?.at ?? null;
  return {
    saga,
    sagaId,
    status,
    reason: reasonOf(state, status),
    startedAt: lastTimeOf('saga.started'),
    endedAt:
      status === 'completed' || status === 'compensated' ? lastTimeOf('saga.completed', 'saga.compensated') : null,
    steps: [...names].map((name) => stepOf(name, state, history)),
    waiting: waitingOf(state, history, now),
    entries: history.map(({ at, event }) => ({
      at,
      step: 'step' in event.data ? event.data.step : null,
      kind: event.type.replace('saga.', ''),
      text: describeEvent(event),
    })),
    complete: known.length > 0 && known.every(({ sequence }, index) => sequence === index + 1),
  };
}

interface HistoryEntry {
  at: string;
  event: SagaEvent;
}

/** A saga has started even if `saga.started` is not among the known entries. */
function statusOf({ status }: SagaState, history: readonly HistoryEntry[]): SagaProgressStatus {
  if (status !== 'none') return status;
  return history.some(({ event }) => event.type !== 'saga.message_noted') ? 'started' : 'not_started';
}

function reasonOf({ reason, earlyCancellation }: SagaState, status: SagaProgressStatus): string | null {
  if (status === 'not_started') return earlyCancellation ?? null;
  return status === 'started' || status === 'completed' ? null : reason;
}

function stepOf(name: string, state: SagaState, history: readonly HistoryEntry[]): StepProgress {
  const { forward, back } = stepState(state, name);
  const progress: StepProgress = {
    name,
    state: 'not_started',
    attempts: forward.commands.length,
    compensationAttempts: back.commands.length,
    doneAt: null,
    compensatedAt: null,
    failure: null,
  };
  let cause: string | undefined;
  for (const { at, event } of history) {
    if (!('step' in event.data) || event.data.step !== name) continue;
    if (event.type === 'saga.step_failed') {
      progress.failure = event.data.reason;
      ({ cause } = event.data);
    } else if (event.type === 'saga.step_completed' || isLate(event)) {
      const isCompensation = event.type === 'saga.step_completed' && event.data.direction === 'back';
      if (!isCompensation) progress.doneAt = at;
      progress.compensatedAt = isCompensation ? at : null;
      progress.failure = null;
      cause = undefined;
    }
  }
  return { ...progress, state: stepStatusOf(name, state, cause) };
}

/** Whether the event reports that an abandoned step was executed after all. */
function isLate(event: SagaEvent): boolean {
  return event.type === 'saga.message_noted' && event.data.rule === 'late';
}

/** `cause`: why its latest attempt failed. */
function stepStatusOf(name: string, state: SagaState, cause: string | undefined): StepStatus {
  const { failedStep, waiting } = state;
  const { executed, compensated } = stepState(state, name);
  if (failedStep === name) return 'compensation_failed';
  if (compensated === 'yes') return 'compensated';
  if (executed === 'refused') return 'refused';
  if (compensated === 'requested') return 'compensating';
  if (executed === 'yes') return 'done';
  if (executed === 'no' && cause === undefined) return 'not_started';
  const isRequested = waiting?.step === name && waiting.timer === 'timeout';
  if (cause === 'timeout' && !isRequested) return 'timed_out';
  return cause === 'discarded' ? 'discarded' : 'requested';
}

function waitingOf({ waiting, steps }: SagaState, history: readonly HistoryEntry[], now: number): SagaWaiting | null {
  if (waiting === undefined) return null;
  const { step, direction, attempt, timer, at } = waiting;
  const command = timer === 'timeout' ? steps[step]?.[direction].commands.at(-1) : undefined;
  return {
    step,
    direction,
    attempt,
    for: timer === 'timeout' ? 'answer' : 'retry',
    until: at,
    overdue: Date.parse(at) < now,
    deadLettered: command === undefined ? null : deadLetterOf(command, history),
  };
}

function deadLetterOf(command: string, history: readonly HistoryEntry[]): string | null {
  let found: string | null = null;
  for (const { event } of history) {
    if (event.type !== 'saga.message_noted' || event.data.message.causationId !== command) continue;
    if (event.data.rule === 'dead_lettered') found = event.data.reason ?? '';
    if (event.data.rule === 'replayed') found = null;
  }
  return found;
}
