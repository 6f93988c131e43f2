import { parseDuration } from '../duration.js';
import { FlotillaError } from '../errors.js';
import type { Definitions } from '../events/definitions.js';
import type { EventEnvelope } from '../events/envelope.js';
import { unwrapDefinition, wrapDefinition } from '../opaque.js';
import { isPlainName } from '../text/plain-name.js';
import { actionsOf, messageTypesOf, serviceMessagesOf } from './definition.js';
import type { DefineSaga, Saga, SagaDefinition, Step, StepAction } from './types.js';

/** Milliseconds that a saga may wait: what is due at the end of them must be a time that can be written down. */
const LONGEST = 3650 * 86_400_000;

/** Gives the `defineSaga` of a catalogue. Throws `saga.bad_definition` at once for what the compiler can't see. */
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

/** The options of any saga of any catalogue: the compiler has checked them against theirs. */
interface AnyOptions extends Pick<SagaDefinition, 'name' | 'startedBy' | 'cancelledBy' | 'input' | 'subject'> {
  accepts?: SagaDefinition['accepts'];
  correlate?: SagaDefinition['correlate'];
  answers?: SagaDefinition['answers'];
  steps: readonly AnyStep[];
}

interface AnyWay extends Pick<StepAction, 'command'> {
  failed?: readonly string[];
  timeout: number | string;
  retryDelays?: readonly (number | string)[];
  retries?: StepAction['retries'];
}

interface AnyStep extends AnyWay {
  name: string;
  done: string | { type: string; result: NonNullable<StepAction['result']> };
  compensate?: AnyWay & { done: string };
}

function erase(definitions: Definitions, options: AnyOptions): SagaDefinition {
  const { name, startedBy, cancelledBy, steps } = options;
  return {
    name,
    definitions,
    startedBy,
    ...(cancelledBy !== undefined && { cancelledBy }),
    accepts: options.accepts ?? (() => true),
    correlate: options.correlate ?? afterTheSlash,
    input: options.input,
    subject: options.subject,
    steps: steps.map(eraseStep),
    answers: options.answers ?? 'caused',
  };
}

function afterTheSlash({ subject }: EventEnvelope): string | undefined {
  const slash = subject.indexOf('/');
  return slash < 0 || slash === subject.length - 1 ? undefined : subject.slice(slash + 1);
}

function eraseStep(step: AnyStep): Step {
  const { name, done, compensate } = step;
  const type = typeof done === 'string' ? done : done.type;
  return {
    name,
    execute: { ...eraseWay(step, type, () => false), ...(typeof done !== 'string' && { result: done.result }) },
    ...(compensate !== undefined && { compensate: eraseWay(compensate, compensate.done, () => true) }),
  };
}

/** What undoes is tried again whatever was answered, unless the saga says otherwise. */
function eraseWay(way: AnyWay, done: string, retries: StepAction['retries']): StepAction {
  return {
    command: way.command,
    done,
    failed: way.failed ?? [],
    timeout: parseDuration(way.timeout),
    retryDelays: (way.retryDelays ?? []).map(parseDuration),
    retries: way.retries ?? retries,
  };
}

function check(saga: SagaDefinition): void {
  const fail = (detail: string) => new FlotillaError('saga.bad_definition', `${saga.name}: ${detail}`);
  if (!isPlainName(saga.name)) throw fail('a name is lower case letters, digits and single dashes');
  if (saga.subject('x') === `${saga.name}/x`) throw fail('its commands are about its own stream');
  if (saga.steps.length === 0) throw fail('it has no steps');
  const names = new Set<string>();
  for (const { name } of saga.steps) {
    if (!isPlainName(name)) throw fail(`${name}: a step is named by lower case letters, digits and single dashes`);
    if (names.has(name)) throw fail(`two steps are called ${name}`);
    names.add(name);
  }
  for (const { command, timeout, retryDelays } of actionsOf(saga)) {
    if (saga.definitions[command.type]?.kind !== 'command') throw fail(`${command.type} is no command`);
    if (timeout <= 0) throw fail(`${command.type} has no time to be answered in`);
    if (Math.max(timeout, ...retryDelays) > LONGEST) throw fail(`${command.type} waits for more than 10 years`);
  }
  const heard = messageTypesOf(saga);
  for (const type of serviceMessagesOf(saga)) {
    if (saga.definitions[type]?.kind !== 'event') throw fail(`${type} is no event`);
    if (heard.filter((other) => other === type).length > 1) throw fail(`${type} would mean two things`);
  }
}
