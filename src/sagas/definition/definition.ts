import { FlotillaError } from '../../errors.js';
import type { EventEnvelope } from '../../events/envelope.js';
import type { Direction, SagaDefinition, StepAction } from './types.js';

export function actionsOf({ steps }: SagaDefinition): StepAction[] {
  return steps.flatMap(({ execute, compensate }) => (compensate === undefined ? [execute] : [execute, compensate]));
}

/** Throws `saga.unknown_step` for a step or a compensation that is not declared, or no longer declared. */
export function actionOf({ name: saga, steps }: SagaDefinition, name: string, direction: Direction): StepAction {
  const step = steps.find((each) => each.name === name);
  const action = direction === 'forward' ? step?.execute : step?.compensate;
  if (action !== undefined) return action;
  const missing = step === undefined ? `step ${name}` : `compensation of ${name}`;
  throw new FlotillaError('saga.unknown_step', `${saga} has no ${missing}`);
}

/** The types of messages from services that a saga receives. */
export function serviceMessagesOf(saga: SagaDefinition): string[] {
  const cancels = saga.cancelledBy === undefined ? [] : [saga.cancelledBy];
  return [saga.startedBy, ...cancels, ...actionsOf(saga).flatMap(({ done, failed }) => [done, ...failed])];
}

/** The dead-letter notices, and what happened to the command. Not every catalogue declares them. */
export const deadLetterNotices: ReadonlyMap<string, 'dead_lettered' | 'replayed' | 'discarded'> = new Map([
  ['message.dead_lettered', 'dead_lettered'],
  ['message.replayed', 'replayed'],
  ['message.discarded', 'discarded'],
]);

/** Every type that must be routed to a saga, including its timers and the dead-letter notices of its commands. */
export function messageTypesOf(saga: SagaDefinition): string[] {
  return [...serviceMessagesOf(saga), 'saga.timer_due', ...deadLetterNotices.keys()];
}

/** The sagas that receive a type, by type. */
export function sagasByType(sagas: readonly SagaDefinition[]): Map<string, SagaDefinition[]> {
  const types = new Set(sagas.flatMap(messageTypesOf));
  return new Map([...types].map((type) => [type, sagas.filter((saga) => messageTypesOf(saga).includes(type))]));
}

/** The types of the commands that a saga sends. */
export function commandsOf(saga: SagaDefinition): string[] {
  return actionsOf(saga).map(({ command }) => command.type);
}

/** The id of the saga that a message concerns; undefined if it concerns no saga of this definition. */
export function sagaIdOf(definition: SagaDefinition, event: EventEnvelope): string | undefined {
  if (deadLetterNotices.has(event.type)) return sagaIdIn(definition, event.subject);
  if (event.type !== 'saga.timer_due') return definition.correlate(event);
  const { saga, sagaId } = event.data as { saga: string; sagaId: string };
  return saga === definition.name ? sagaId : undefined;
}

/** A notice has the subject of the command, but not the data that `correlate` expects. */
function sagaIdIn({ subject: subjectOf }: SagaDefinition, subject: string): string | undefined {
  const sagaId = subject.slice(subjectOf('').length);
  return sagaId !== '' && subjectOf(sagaId) === subject ? sagaId : undefined;
}

/** In milliseconds. */
export interface RetryPolicy {
  timeout?: number | undefined;
  retryDelays?: readonly number[] | undefined;
}

/** Returns the saga with the given parts of its retry policy replaced. */
export function withRetryPolicy(saga: SagaDefinition, { timeout, retryDelays }: RetryPolicy): SagaDefinition {
  const change = (action: StepAction): StepAction => ({
    ...action,
    timeout: timeout ?? action.timeout,
    retryDelays: retryDelays ?? action.retryDelays,
  });
  const steps = saga.steps.map(({ execute, compensate, ...step }) => ({
    ...step,
    execute: change(execute),
    ...(compensate !== undefined && { compensate: change(compensate) }),
  }));
  return { ...saga, steps };
}
