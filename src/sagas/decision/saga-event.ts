import { FlotillaError } from '../../errors.js';
import { derivedId, type DeriveId } from '../../events/ids.js';
import { actionOf } from '../definition/definition.js';
import { needsCompensation, type Failure } from './situation.js';
import { isUncompensated, stepState, type SagaEvent, type SagaState } from './state.js';
import type { Action, CompensationCause } from './transitions.js';
import type { MessageRef, SagaMessage, StepMessage } from './trigger.js';
import type { Direction, Json, SagaDefinition } from '../definition/types.js';

/** The input for creating the event of an action. */
export interface Decision {
  readonly definition: SagaDefinition;
  readonly sagaId: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** @default `derivedId` */
  readonly deriveId: DeriveId | undefined;
  readonly trigger: SagaMessage | StepMessage;
  readonly failure: Failure | undefined;
  /** The state after the events of the previous actions. */
  readonly state: SagaState;
}

type ContentOf<E> = E extends { type: infer T; data: infer D } ? { type: T; data: Omit<D, 'saga' | 'sagaId'> } : never;
type Content = ContentOf<SagaEvent>;

/** Returns the event that an action records. Throws `saga.refused` for a rejected request of an operator. */
export function eventOf(action: Action, decision: Decision): SagaEvent {
  const { type, data } = contentOf(action, decision);
  return { type, data: { saga: decision.definition.name, sagaId: decision.sagaId, ...data } } as SagaEvent;
}

function contentOf(action: Action, decision: Decision): Content {
  const { definition, trigger, failure, state } = decision;
  if (typeof action === 'object') {
    if ('note' in action) return noted(action.note, decision);
    if ('compensate' in action) return compensating(action.compensate, decision);
    throw new FlotillaError('saga.refused', `it is ${state.status}: ${action.reject}`);
  }
  switch (action) {
    case 'start': {
      const input = asJson((definition.input as (data: unknown) => Json)(trigger.data));
      return { type: 'saga.started', data: { message: messageOf(trigger), input } };
    }
    case 'complete_step':
      return stepCompleted(decision);
    case 'fail_step':
      return stepFailed(decision);
    case 'resume':
      return { type: 'saga.resumed', data: { who: trigger.who ?? null } };
    case 'fail':
      return { type: 'saga.failed', data: { step: stepOf(trigger).step, reason: required(failure, 'failure').reason } };
    case 'execute_next':
      return executedNext(decision);
    case 'compensate_next':
      return compensatedNext(decision);
    case 'compensate_again':
      return stepStarted(decision, stepOf(trigger).step, 'back');
    case 'repeat': {
      const { step, direction } = state.waiting ?? stepOf(trigger);
      return stepStarted(decision, step, direction);
    }
  }
}

function noted(rule: Extract<Action, { note: unknown }>['note'], { definition, trigger }: Decision): Content {
  const step = 'step' in trigger ? trigger.step : null;
  const { reason } = trigger;
  return {
    type: 'saga.message_noted',
    data: {
      message: messageOf(trigger),
      rule,
      step,
      ...(reason !== undefined && { reason }),
      ...(rule === 'late' && resultOf(definition, trigger)), // its compensation may need the result
    },
  };
}

function compensating(cause: CompensationCause, { trigger, failure, state }: Decision): Content {
  const step = 'step' in trigger ? trigger.step : null;
  const { who } = trigger;
  const reasons: { readonly [C in CompensationCause]: string | undefined } = {
    step_failed: failure?.reason,
    cancelled: trigger.on === 'start' ? state.earlyCancellation : trigger.reason,
    operator: trigger.reason,
    late_answer: `${step ?? ''} was done after all`,
  };
  const reason = reasons[cause] ?? '';
  return { type: 'saga.compensating', data: { cause, step, reason, ...(who !== undefined && { who }) } };
}

function stepCompleted({ definition, trigger, state }: Decision): Content {
  const { step, direction } = stepOf(trigger);
  const attempt = stepState(state, step)[direction].commands.length;
  const message = messageOf(trigger);
  return {
    type: 'saga.step_completed',
    data: { step, direction, attempt, message, ...resultOf(definition, trigger) },
  };
}

function stepFailed({ trigger, failure, state }: Decision): Content {
  const { step, direction, message } = stepOf(trigger);
  const { cause, reason, retryAt = null } = required(failure, 'failure');
  const attempt = stepState(state, step)[direction].commands.length;
  return { type: 'saga.step_failed', data: { step, direction, attempt, cause, reason, message, retryAt } };
}

/** Sends the command of a step. Its id is derived, so that the same decision sends the same command. */
function stepStarted(decision: Decision, step: string, direction: Direction): Content {
  const { definition, sagaId, now, deriveId = derivedId, state } = decision;
  const { command, timeout } = actionOf(definition, step, direction);
  const attempt = stepState(state, step)[direction].commands.length + 1;
  const id = deriveId(now, 'saga', definition.name, sagaId, step, direction, attempt);
  const timeoutAt = new Date(now + timeout).toISOString();
  return {
    type: 'saga.step_started',
    data: { step, direction, attempt, command: { type: command.type, id }, timeoutAt },
  };
}

function executedNext(decision: Decision): Content {
  const { definition, state } = decision;
  const next = definition.steps.find(({ name }) => stepState(state, name).executed !== 'yes');
  return next === undefined ? { type: 'saga.completed', data: {} } : stepStarted(decision, next.name, 'forward');
}

/** A saga does not become `compensated` while a step of an earlier definition is uncompensated: a later release may
 *  declare it again. */
function compensatedNext(decision: Decision): Content {
  const { definition, state } = decision;
  const last = definition.steps.findLast(({ name }) => needsCompensation(definition, state, name));
  if (last !== undefined) return stepStarted(decision, last.name, 'back');
  const isDeclared = (step: string) => definition.steps.some(({ name }) => name === step);
  const step = Object.keys(state.steps).findLast(
    (name) => !isDeclared(name) && isUncompensated(stepState(state, name)),
  );
  if (step === undefined) return { type: 'saga.compensated', data: {} };
  return { type: 'saga.failed', data: { step, reason: `the saga has no step ${step} any more` } };
}

function resultOf({ steps }: SagaDefinition, trigger: SagaMessage | StepMessage): { result?: Json } {
  if (trigger.on !== 'executed') return {};
  const result = steps.find(({ name }) => name === trigger.step)?.execute.result;
  return result === undefined ? {} : { result: asJson((result as (data: unknown) => Json)(trigger.data)) };
}

/** Transitions require values that their trigger has. */
function required<T>(value: T | null | undefined, what: string): T {
  if (value === null || value === undefined) throw new TypeError(`The trigger has no ${what}`);
  return value;
}

function stepOf(trigger: SagaMessage | StepMessage): StepMessage {
  return required('step' in trigger ? trigger : undefined, 'step');
}

function messageOf({ message }: SagaMessage | StepMessage): MessageRef {
  return required(message, 'message');
}

/** The value as the stream returns it: without undefined fields. */
function asJson(value: Json): Json {
  return JSON.parse(JSON.stringify(value)) as Json;
}
