import type { DataOf } from '../events/definitions.js';
import type { sagaEvents } from '../events/saga-events.js';
import type { Direction, Json } from './types.js';

/** What a saga decides: events of its stream. */
export type SagaEvent = {
  [T in keyof typeof sagaEvents]: { type: T; data: DataOf<typeof sagaEvents, T> };
}[keyof typeof sagaEvents];

/** `none`: not begun. `failed`: something could not be undone, and a person is needed. */
export type SagaStatus = 'none' | 'started' | 'completed' | 'compensating' | 'compensated' | 'failed';

/** The tries of one way of a step. */
export interface Tries {
  /** The commands given, by their ids; the n-th try gave the n-th. */
  readonly commands: readonly string[];
  /** Those since it began, or since a person told it to try again: what patience is counted by. */
  readonly counted: number;
}

export interface StepState {
  /** `maybe`: asked for, and no answer yet, or none that came in time. `refused`: answered that it was not. */
  readonly done: 'no' | 'maybe' | 'yes' | 'refused';
  readonly undone: 'no' | 'asked' | 'yes';
  readonly forward: Tries;
  readonly back: Tries;
  /** Which of the commands are known to have led to its being done. */
  readonly doneBy: readonly string[];
  /** A command of it has lain in the dead letters: an edited one is answered under the id of its replacement. */
  readonly maybeEdited: boolean;
  /** How many of the commands to undo it were given before it was known to be done: their answers say nothing. */
  readonly outdated: number;
}

/** The one thing that a saga waits for: an answer, until then; or the time of the next try. */
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
  /** Why it is undone; why it has failed, while it has. */
  readonly reason: string;
  /** Why it is undone, while it has failed. */
  readonly undoneFor: string;
  /** The step that cannot be undone, while the saga is `failed`. */
  readonly stuckAt: string | undefined;
  /** Why it was called off before it began. */
  readonly calledOff: string | undefined;
}

export const initialState: SagaState = {
  status: 'none',
  input: null,
  results: {},
  steps: {},
  waiting: undefined,
  reason: '',
  undoneFor: '',
  stuckAt: undefined,
  calledOff: undefined,
};

const noTries: Tries = { commands: [], counted: 0 };
const untouched: StepState = {
  done: 'no',
  undone: 'no',
  forward: noTries,
  back: noTries,
  doneBy: [],
  maybeEdited: false,
  outdated: 0,
};

export function stepState(state: SagaState, step: string): StepState {
  return state.steps[step] ?? untouched;
}

/** The state of a saga after an event of its stream. */
export function evolve(state: SagaState, event: SagaEvent): SagaState {
  switch (event.type) {
    case 'saga.started':
      return { ...state, status: 'started', input: event.data.input };
    case 'saga.step_started':
      return began(state, event.data);
    case 'saga.step_completed':
      return ended(state, event.data);
    case 'saga.step_failed':
      return failed(state, event.data);
    case 'saga.message_noted':
      return noted(state, event.data);
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
        stuckAt: event.data.step,
        reason: event.data.reason,
        undoneFor: state.reason,
      };
    case 'saga.resumed':
      return resumed(state);
    case 'saga.timer_due':
      return state; // it stands in the stream as it fired; what follows from it is decided when it comes back as a message
  }
}

type Data<T extends SagaEvent['type']> = Extract<SagaEvent, { type: T }>['data'];

function withStep(state: SagaState, step: string, change: Partial<StepState>): SagaState {
  return { ...state, steps: { ...state.steps, [step]: { ...stepState(state, step), ...change } } };
}

function began(state: SagaState, data: Data<'saga.step_started'>): SagaState {
  const { step, direction, attempt, command, timeoutAt } = data;
  const before = stepState(state, step);
  const { commands, counted } = before[direction];
  const tries = { commands: [...commands, command.id], counted: counted + 1 };
  const change: Partial<StepState> =
    direction === 'forward' ? { done: 'maybe', forward: tries } : { undone: 'asked', back: tries };
  return { ...withStep(state, step, change), waiting: { step, direction, attempt, timer: 'timeout', at: timeoutAt } };
}

function ended(state: SagaState, { step, direction, message, result }: Data<'saga.step_completed'>): SagaState {
  const change: Partial<StepState> =
    direction === 'forward' ? { done: 'yes', doneBy: doneBy(state, step, message) } : { undone: 'yes' };
  return { ...withResult(withStep(state, step, change), step, result), waiting: undefined };
}

function withResult(state: SagaState, step: string, result: Json | undefined): SagaState {
  return result === undefined ? state : { ...state, results: { ...state.results, [step]: result } };
}

/** Whoever did not answer in time may still do, or have done, what was asked for. */
function failed(state: SagaState, { step, direction, attempt, cause, retryAt }: Data<'saga.step_failed'>): SagaState {
  const refused = direction === 'forward' && cause === 'answer';
  const after = refused ? withStep(state, step, { done: 'refused' }) : state;
  return {
    ...after,
    waiting: retryAt === null ? undefined : { step, direction, attempt, timer: 'retry', at: retryAt },
  };
}

function noted(state: SagaState, { message, rule, step, reason = '', result }: Data<'saga.message_noted'>): SagaState {
  if (rule === 'early_cancel') return { ...state, calledOff: reason };
  if (step === null) return state;
  const { undone, back } = stepState(state, step);
  if (rule === 'late_refusal') return withStep(state, step, { done: 'refused' });
  if (rule === 'dead_lettered') return withStep(state, step, { maybeEdited: true });
  if (rule !== 'late') return state;
  const after = withStep(state, step, {
    done: 'yes',
    doneBy: doneBy(state, step, message),
    outdated: back.commands.length,
    ...(undone === 'yes' && { undone: 'no' }),
  });
  return withResult(after, step, result);
}

function doneBy(
  state: SagaState,
  step: string,
  { causationId }: { causationId?: string | undefined },
): readonly string[] {
  const { doneBy: known } = stepState(state, step);
  return causationId === undefined ? known : [...known, causationId];
}

function resumed(state: SagaState): SagaState {
  const steps = Object.entries(state.steps).map(([name, step]): [string, StepState] => [
    name,
    { ...step, forward: { ...step.forward, counted: 0 }, back: { ...step.back, counted: 0 } },
  ]);
  const after = { ...state, steps: Object.fromEntries(steps), stuckAt: undefined };
  return state.status === 'failed' ? { ...after, status: 'compensating', reason: state.undoneFor } : after;
}
