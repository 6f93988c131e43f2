import type { DataOf } from '../../events/definitions.js';
import type { sagaEvents } from '../../events/saga-events.js';
import type { Direction, Json } from '../definition/types.js';

/** An event of a saga's stream. */
export type SagaEvent = {
  [T in keyof typeof sagaEvents]: { type: T; data: DataOf<typeof sagaEvents, T> };
}[keyof typeof sagaEvents];

/** `none`: not started. `failed`: a step cannot be compensated; manual intervention is required. */
export type SagaStatus = 'none' | 'started' | 'completed' | 'compensating' | 'compensated' | 'failed';

/** The attempts at one action of a step. */
export interface Attempts {
  /** The ids of the commands sent, one for each attempt. */
  readonly commands: readonly string[];
  /** How many of them count against the retry policy: those since the start, or since an operator resumed the saga. */
  readonly counted: number;
}

export interface StepState {
  /** `maybe`: requested and not answered, so it may have taken effect. `refused`: the service replied that it did not
   *  execute the step. */
  readonly executed: 'no' | 'maybe' | 'yes' | 'refused';
  readonly compensated: 'no' | 'requested' | 'yes';
  readonly forward: Attempts;
  readonly back: Attempts;
  /** The commands whose execution has been reported. */
  readonly executedBy: readonly string[];
  /** One of its commands was dead-lettered: if it was edited, the answer has the id of the edited command. */
  readonly maybeEdited: boolean;
  /** How many compensation commands were sent before the step was known to be executed: answers to them do not
   *  count. */
  readonly outdated: number;
}

/** What a saga waits for: an answer until a deadline, or the time of the next attempt. */
export interface Waiting {
  readonly step: string;
  readonly direction: Direction;
  readonly attempt: number;
  readonly timer: 'timeout' | 'retry';
  /** RFC 3339. */
  readonly at: string;
}

export interface SagaState {
  readonly status: SagaStatus;
  readonly input: Json;
  readonly results: Readonly<Record<string, Json>>;
  readonly steps: Readonly<Record<string, StepState>>;
  readonly waiting: Waiting | undefined;
  /** Why the saga is compensating; while `failed`, why it failed. */
  readonly reason: string;
  /** Why the saga was compensating, while it is `failed`. */
  readonly compensationReason: string;
  /** The step that cannot be compensated, while the saga is `failed`. */
  readonly failedStep: string | undefined;
  /** Why the saga was cancelled before it started. */
  readonly earlyCancellation: string | undefined;
}

export const initialState: SagaState = {
  status: 'none',
  input: null,
  results: {},
  steps: {},
  waiting: undefined,
  reason: '',
  compensationReason: '',
  failedStep: undefined,
  earlyCancellation: undefined,
};

const noAttempts: Attempts = { commands: [], counted: 0 };
const untouched: StepState = {
  executed: 'no',
  compensated: 'no',
  forward: noAttempts,
  back: noAttempts,
  executedBy: [],
  maybeEdited: false,
  outdated: 0,
};

export function stepState(state: SagaState, step: string): StepState {
  return state.steps[step] ?? untouched;
}

/** Whether a step has taken effect, or may have, and is not compensated. */
export function isUncompensated({ executed, compensated }: StepState): boolean {
  return (executed === 'yes' || executed === 'maybe') && compensated !== 'yes';
}

/** Returns the state of a saga after an event of its stream. */
export function evolve(state: SagaState, event: SagaEvent): SagaState {
  switch (event.type) {
    case 'saga.started':
      return { ...state, status: 'started', input: event.data.input };
    case 'saga.step_started':
      return afterStepStarted(state, event.data);
    case 'saga.step_completed':
      return afterStepCompleted(state, event.data);
    case 'saga.step_failed':
      return afterStepFailed(state, event.data);
    case 'saga.message_noted':
      return afterMessageNoted(state, event.data);
    case 'saga.compensating':
      return { ...state, status: 'compensating', waiting: undefined, reason: event.data.reason };
    case 'saga.completed':
      return { ...state, status: 'completed', waiting: undefined };
    case 'saga.compensated':
      return { ...state, status: 'compensated', waiting: undefined };
    case 'saga.failed':
      return {
        ...state,
        status: 'failed',
        waiting: undefined,
        failedStep: event.data.step,
        reason: event.data.reason,
        compensationReason: state.reason,
      };
    case 'saga.resumed':
      return afterResumed(state);
    case 'saga.timer_due':
      return state; // recorded when the timer fires; the saga decides when it is delivered as a message
  }
}

type Data<T extends SagaEvent['type']> = Extract<SagaEvent, { type: T }>['data'];

function withStep(state: SagaState, step: string, change: Partial<StepState>): SagaState {
  return { ...state, steps: { ...state.steps, [step]: { ...stepState(state, step), ...change } } };
}

function withResult(state: SagaState, step: string, result: Json | undefined): SagaState {
  return result === undefined ? state : { ...state, results: { ...state.results, [step]: result } };
}

function afterStepStarted(state: SagaState, data: Data<'saga.step_started'>): SagaState {
  const { step, direction, attempt, command, timeoutAt } = data;
  const before = stepState(state, step)[direction];
  const attempts = { commands: [...before.commands, command.id], counted: before.counted + 1 };
  const change: Partial<StepState> =
    direction === 'forward' ? { executed: 'maybe', forward: attempts } : { compensated: 'requested', back: attempts };
  return { ...withStep(state, step, change), waiting: { step, direction, attempt, timer: 'timeout', at: timeoutAt } };
}

function afterStepCompleted(state: SagaState, data: Data<'saga.step_completed'>): SagaState {
  const { step, direction, message, result } = data;
  const change: Partial<StepState> =
    direction === 'forward'
      ? { executed: 'yes', executedBy: withCause(stepState(state, step).executedBy, message) }
      : { compensated: 'yes' };
  return { ...withResult(withStep(state, step, change), step, result), waiting: undefined };
}

/** Without an answer in time, the step may have been executed, or may still be. */
function afterStepFailed(state: SagaState, data: Data<'saga.step_failed'>): SagaState {
  const { step, direction, attempt, cause, retryAt } = data;
  const isRefused = direction === 'forward' && cause === 'answer';
  return {
    ...(isRefused ? withStep(state, step, { executed: 'refused' }) : state),
    waiting: retryAt === null ? undefined : { step, direction, attempt, timer: 'retry', at: retryAt },
  };
}

function afterMessageNoted(state: SagaState, data: Data<'saga.message_noted'>): SagaState {
  const { message, rule, step, reason = '', result } = data;
  if (rule === 'early_cancel') return { ...state, earlyCancellation: reason };
  if (step === null) return state;
  if (rule === 'late_refusal') return withStep(state, step, { executed: 'refused' });
  if (rule === 'dead_lettered') return withStep(state, step, { maybeEdited: true });
  if (rule !== 'late') return state;
  const { compensated, back, executedBy } = stepState(state, step);
  const change: Partial<StepState> = {
    executed: 'yes',
    executedBy: withCause(executedBy, message),
    outdated: back.commands.length,
    ...(compensated === 'yes' && { compensated: 'no' }),
  };
  return withResult(withStep(state, step, change), step, result);
}

function withCause(known: readonly string[], { causationId }: { causationId?: string | undefined }): readonly string[] {
  return causationId === undefined ? known : [...known, causationId];
}

function afterResumed(state: SagaState): SagaState {
  const steps = Object.entries(state.steps).map(([name, step]): [string, StepState] => [
    name,
    { ...step, forward: { ...step.forward, counted: 0 }, back: { ...step.back, counted: 0 } },
  ]);
  const after: SagaState = { ...state, steps: Object.fromEntries(steps), failedStep: undefined };
  return state.status === 'failed' ? { ...after, status: 'compensating', reason: state.compensationReason } : after;
}
