import { parseDuration } from '../../duration.js';
import { FlotillaError } from '../../errors.js';
import type { Definitions } from '../../events/definitions.js';
import type { EventEnvelope } from '../../events/envelope.js';
import { unwrapDefinition, wrapDefinition } from '../../opaque.js';
import { isPlainName } from '../../text/plain-name.js';
import { actionsOf, messageTypesOf, serviceMessagesOf } from './definition.js';
import type { DefineSaga, Saga, SagaDefinition, Step, StepAction } from './types.js';

/** 10 years: due times must be valid dates. */
const MAX_WAIT_MS = 3650 * 86_400_000;

/** Returns the `defineSaga` of a catalogue. */
export function sagaDefiner<D extends Definitions>(definitions: D): DefineSaga<D> {
  return (options) => {
    const definition = erase(definitions, options);
    check(definition);
    return wrapDefinition(definition);
  };
}

export function sagaDefinitionOf(saga: Saga): SagaDefinition {
  return unwrapDefinition(saga) as SagaDefinition;
}

/** The options of a saga of any catalogue, already checked by the compiler. */
interface AnyOptions extends Pick<SagaDefinition, 'name' | 'startedBy' | 'cancelledBy' | 'input' | 'subject'> {
  accepts?: SagaDefinition['accepts'];
  correlate?: SagaDefinition['correlate'];
  answers?: SagaDefinition['answers'];
  steps: readonly AnyStep[];
}

interface AnyAction extends Pick<StepAction, 'command'> {
  failed?: readonly string[];
  timeout: number | string;
  retryDelays?: readonly (number | string)[];
  retries?: StepAction['retries'];
}

interface AnyStep extends AnyAction {
  name: string;
  done: string | { type: string; result: NonNullable<StepAction['result']> };
  compensate?: AnyAction & { done: string };
}

function erase(definitions: Definitions, options: AnyOptions): SagaDefinition {
  const { name, startedBy, cancelledBy, steps } = options;
  return {
    name,
    definitions,
    startedBy,
    ...(cancelledBy !== undefined && { cancelledBy }),
    accepts: options.accepts ?? (() => true),
    correlate: options.correlate ?? idInSubject,
    input: options.input,
    subject: options.subject,
    steps: steps.map(eraseStep),
    answers: options.answers ?? 'caused',
  };
}

function idInSubject({ subject }: EventEnvelope): string | undefined {
  const slash = subject.indexOf('/');
  return slash < 0 || slash === subject.length - 1 ? undefined : subject.slice(slash + 1);
}

function eraseStep(step: AnyStep): Step {
  const { name, done, compensate } = step;
  const type = typeof done === 'string' ? done : done.type;
  return {
    name,
    execute: { ...eraseAction(step, type, () => false), ...(typeof done !== 'string' && { result: done.result }) },
    ...(compensate !== undefined && { compensate: eraseAction(compensate, compensate.done, () => true) }),
  };
}

/** By default, a refused compensation is retried and a refused step is not. */
function eraseAction(action: AnyAction, done: string, retries: StepAction['retries']): StepAction {
  return {
    command: action.command,
    done,
    failed: action.failed ?? [],
    timeout: parseDuration(action.timeout),
    retryDelays: (action.retryDelays ?? []).map(parseDuration),
    retries: action.retries ?? retries,
  };
}

function check(saga: SagaDefinition): void {
  const fail = (detail: string) => new FlotillaError('saga.bad_definition', `${saga.name}: ${detail}`);
  if (!isPlainName(saga.name)) throw fail('its name must consist of lower-case letters, digits and single dashes');
  if (saga.subject('x') === `${saga.name}/x`) throw fail('its commands have its own stream as their subject');
  if (saga.steps.length === 0) throw fail('it has no steps');
  const names = new Set<string>();
  for (const { name } of saga.steps) {
    if (!isPlainName(name))
      throw fail(`the name of step ${name} must consist of lower-case letters, digits and single dashes`);
    if (names.has(name)) throw fail(`two steps are named ${name}`);
    names.add(name);
  }
  for (const { command, timeout, retryDelays } of actionsOf(saga)) {
    if (saga.definitions[command.type]?.kind !== 'command') throw fail(`${command.type} is not a command`);
    if (timeout <= 0) throw fail(`the timeout of ${command.type} must be positive`);
    if (Math.max(timeout, ...retryDelays) > MAX_WAIT_MS) throw fail(`a duration of ${command.type} exceeds 10 years`);
  }
  const received = messageTypesOf(saga);
  for (const type of serviceMessagesOf(saga)) {
    if (saga.definitions[type]?.kind !== 'event') throw fail(`${type} is not an event`);
    if (received.filter((other) => other === type).length > 1) throw fail(`${type} has two meanings`);
  }
}
