import { sagaEvents } from '../events/saga-events.js';
import { evolve, initialState, stepState, type SagaEvent, type SagaState, type SagaStatus } from './state.js';
import { lineOf } from './story-lines.js';
import type { Direction } from './types.js';

/** An event of a saga's stream, as far as it is needed to tell its story. */
export interface SagaEntry {
  /** Its place in the stream, from 1. */
  sequence: number;
  /** RFC 3339. */
  time: string;
  type: string;
  /** As the catalogue has it; what the saga keeps of messages (`input`, `result`) is not needed. */
  data: unknown;
}

/** How far a step is. `asked`: no answer yet. `refused`: answered that it was not done. `timed_out`, `discarded`: without an
 *  answer, so that it may have been done. */
export const stepProgress = [
  'not_begun',
  'asked',
  'done',
  'refused',
  'timed_out',
  'discarded',
  'being_undone',
  'undone',
  'cannot_be_undone',
] as const;

export type StepProgress = (typeof stepProgress)[number];

export interface StepStory {
  name: string;
  state: StepProgress;
  /** How often it was asked for, and how often to be undone. */
  attempts: number;
  undoAttempts: number;
  /** RFC 3339; null where it is not. */
  doneAt: string | null;
  undoneAt: string | null;
  /** Why the latest try failed, where none has succeeded since. */
  failure: string | null;
}

/** What a saga waits for. */
export interface WaitingStory {
  step: string;
  direction: Direction;
  attempt: number;
  for: 'answer' | 'retry';
  /** RFC 3339. */
  until: string;
  /** The time is over, and nothing has followed yet: its worker may not be running. */
  overdue: boolean;
  /** Which command lies in the dead letters, and under which code; null where none does. */
  deadLettered: string | null;
}

/** `failed`: something could not be undone, and a person is needed. */
export const storyStatuses = [
  'not_begun',
  'started',
  'completed',
  'compensating',
  'compensated',
  'failed',
] as const satisfies readonly ('not_begun' | SagaStatus)[];

export type StoryStatus = (typeof storyStatuses)[number];

/** What was done, what is waiting, what timed out. Nothing in it is what the saga keeps of messages. */
export interface SagaStory {
  saga: string;
  sagaId: string;
  status: StoryStatus;
  /** Why it is undone, has failed, or was called off. */
  reason: string | null;
  /** RFC 3339; null where that is not known, or not so. */
  startedAt: string | null;
  endedAt: string | null;
  /** In the order in which they are done; those that have not begun only where the saga's steps are known. */
  steps: StepStory[];
  waiting: WaitingStory | null;
  /** `kind`: the type without its `saga.`. */
  entries: { at: string; step: string | null; kind: string; text: string }[];
  /** Whether all entries up to the newest that is known are here, the first included. */
  complete: boolean;
}

export interface StoryOptions {
  saga: string;
  sagaId: string;
  /** The names of all its steps, in order. @default those that have begun */
  steps?: readonly string[];
  /** Milliseconds since the epoch. */
  now: number;
}

/** Tells the story of a saga from the entries of its stream, in any order, also where some are missing. */
export function sagaStory(entries: readonly SagaEntry[], { saga, sagaId, steps = [], now }: StoryOptions): SagaStory {
  const known = entries.filter(({ type }) => type in sagaEvents).sort((a, b) => a.sequence - b.sequence);
  const told = known.map(({ time, type, data }) => ({
    at: time,
    event: { type, data } as SagaEvent, // as the catalogue has it; nothing here asks for the rest
  }));
  const state = told.reduce((before, { event }) => evolve(before, event), initialState);
  const status = statusOf(state, told);
  const names = new Set([...steps, ...Object.keys(state.steps)]);
  const lastly = (...types: SagaEvent['type'][]) =>
    told.findLast(({ event }) => types.includes(event.type))?.at ?? null;
  return {
    saga,
    sagaId,
    status,
    reason: reasonOf(state, status),
    startedAt: lastly('saga.started'),
    endedAt: status === 'completed' || status === 'compensated' ? lastly('saga.completed', 'saga.compensated') : null,
    steps: [...names].map((name) => stepOf(name, state, told)),
    waiting: waitingOf(state, told, now),
    entries: told.map(({ at, event }) => ({
      at,
      step: 'step' in event.data ? event.data.step : null,
      kind: event.type.replace('saga.', ''),
      text: lineOf(event),
    })),
    complete: known.length > 0 && known.every(({ sequence }, index) => sequence === index + 1),
  };
}

interface Told {
  at: string;
  event: SagaEvent;
}

/** It has begun also where that is not among what is known. */
function statusOf({ status }: SagaState, told: readonly Told[]): StoryStatus {
  if (status !== 'none') return status;
  return told.some(({ event }) => event.type !== 'saga.message_noted') ? 'started' : 'not_begun';
}

function reasonOf({ reason, earlyCancellation }: SagaState, status: StoryStatus): string | null {
  if (status === 'not_begun') return earlyCancellation ?? null;
  return status === 'started' || status === 'completed' ? null : reason;
}

function stepOf(name: string, state: SagaState, told: readonly Told[]): StepStory {
  const { forward, back } = stepState(state, name);
  const story: StepStory = {
    name,
    state: 'not_begun',
    attempts: forward.commands.length,
    undoAttempts: back.commands.length,
    doneAt: null,
    undoneAt: null,
    failure: null,
  };
  let cause: string | undefined;
  for (const { at, event } of told) {
    if (!('step' in event.data) || event.data.step !== name) continue;
    if (event.type === 'saga.step_failed') {
      story.failure = event.data.reason;
      ({ cause } = event.data);
    } else if (event.type === 'saga.step_completed' || isLate(event)) {
      const isUndone = event.type === 'saga.step_completed' && event.data.direction === 'back';
      if (!isUndone) story.doneAt = at;
      story.undoneAt = isUndone ? at : null;
      story.failure = null;
      cause = undefined;
    }
  }
  return { ...story, state: progressOf(name, state, cause) };
}

/** Says that a step which was given up was done after all. */
function isLate(event: SagaEvent): boolean {
  return event.type === 'saga.message_noted' && event.data.rule === 'late';
}

/** `cause`: why its latest try failed. */
function progressOf(name: string, state: SagaState, cause: string | undefined): StepProgress {
  const { failedStep, waiting } = state;
  const { executed, compensated } = stepState(state, name);
  if (failedStep === name) return 'cannot_be_undone';
  if (compensated === 'yes') return 'undone';
  if (executed === 'refused') return 'refused';
  if (compensated === 'requested') return 'being_undone';
  if (executed === 'yes') return 'done';
  if (executed === 'no' && cause === undefined) return 'not_begun';
  const isAsked = waiting?.step === name && waiting.timer === 'timeout';
  if (cause === 'timeout' && !isAsked) return 'timed_out';
  return cause === 'discarded' ? 'discarded' : 'asked';
}

function waitingOf({ waiting, steps }: SagaState, told: readonly Told[], now: number): WaitingStory | null {
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
    deadLettered: command === undefined ? null : deadLetterOf(command, told),
  };
}

function deadLetterOf(command: string, told: readonly Told[]): string | null {
  let found: string | null = null;
  for (const { event } of told) {
    if (event.type !== 'saga.message_noted' || event.data.message.causationId !== command) continue;
    if (event.data.rule === 'dead_lettered') found = event.data.reason ?? '';
    if (event.data.rule === 'replayed') found = null;
  }
  return found;
}
