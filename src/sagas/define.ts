import { parseDuration } from '../duration.js';
import { FlotillaError } from '../errors.js';
import type { Definitions } from '../events/definitions.js';
import type { EventEnvelope } from '../events/envelope.js';
import { isPlainName } from '../text/plain-name.js';
import type { DefineSaga, Direction, SagaDefinition, Step, Way } from './types.js';

/** Milliseconds that a saga may wait: what is due at the end of them must be a time that can be written down. */
const LONGEST = 3650 * 86_400_000;

/** Gives the `defineSaga` of a catalogue. Throws `saga.bad_definition` at once for what the compiler can't see. */
export function sagaDefiner<D extends Definitions>(definitions: D): DefineSaga<D> {
  return (options) => {
    const definition = erase(definitions, options);
    check(definition);
    return { name: definition.name, definition };
  };
}

/** The options of any saga of any catalogue: the compiler has checked them against theirs. */
interface AnyOptions extends Pick<SagaDefinition, 'name' | 'startedBy' | 'cancelledBy' | 'input' | 'subject'> {
  accepts?: SagaDefinition['accepts'];
  correlate?: SagaDefinition['correlate'];
  answers?: SagaDefinition['answers'];
  steps: readonly AnyStep[];
}

interface AnyWay extends Pick<Way, 'command'> {
  failed?: readonly string[];
  timeout: number | string;
  retryDelays?: readonly (number | string)[];
  retries?: Way['retries'];
}

interface AnyStep extends AnyWay {
  name: string;
  done: string | { type: string; result: NonNullable<Way['result']> };
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
    forward: { ...eraseWay(step, type, () => false), ...(typeof done !== 'string' && { result: done.result }) },
    ...(compensate !== undefined && { back: eraseWay(compensate, compensate.done, () => true) }),
  };
}

/** What undoes is tried again whatever was answered, unless the saga says otherwise. */
function eraseWay(way: AnyWay, done: string, retries: Way['retries']): Way {
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
  for (const { command, timeout, retryDelays } of waysOf(saga)) {
    if (saga.definitions[command.type]?.kind !== 'command') throw fail(`${command.type} is no command`);
    if (timeout <= 0) throw fail(`${command.type} has no time to be answered in`);
    if (Math.max(timeout, ...retryDelays) > LONGEST) throw fail(`${command.type} waits for more than 10 years`);
  }
  const heard = takenBy(saga);
  for (const type of messagesOf(saga)) {
    if (saga.definitions[type]?.kind !== 'event') throw fail(`${type} is no event`);
    if (heard.filter((other) => other === type).length > 1) throw fail(`${type} would mean two things`);
  }
}

function waysOf({ steps }: SagaDefinition): Way[] {
  return steps.flatMap(({ forward, back }) => (back === undefined ? [forward] : [forward, back]));
}

/** How a step is done, or undone. Throws `saga.unknown_step` for one that is not declared, or not any more. */
export function wayOf({ name: saga, steps }: SagaDefinition, name: string, direction: Direction): Way {
  const step = steps.find((each) => each.name === name);
  const way = step?.[direction];
  if (way !== undefined) return way;
  const missing = step === undefined ? `step ${name}` : `way ${direction} of ${name}`;
  throw new FlotillaError('saga.unknown_step', `${saga} has no ${missing}`);
}

/** The messages of the services that it takes. */
function messagesOf(saga: SagaDefinition): string[] {
  const cancels = saga.cancelledBy === undefined ? [] : [saga.cancelledBy];
  return [saga.startedBy, ...cancels, ...waysOf(saga).flatMap(({ done, failed }) => [done, ...failed])];
}

/** What is said of dead letters. */
const letters: readonly string[] = ['message.dead_lettered', 'message.replayed', 'message.discarded'];

/** Whether a type says what became of a message in the dead letters; a catalogue may have other messages. */
export function isLetter(type: string): boolean {
  return letters.includes(type);
}

/** Every type that must reach a saga: also its timers, and what becomes of its commands in the dead letters. */
export function takenBy(saga: SagaDefinition): string[] {
  return [...messagesOf(saga), 'saga.timer_due', ...letters];
}

/** Which of these sagas take a type. */
export function sagasByType(sagas: readonly SagaDefinition[]): Map<string, SagaDefinition[]> {
  const types = new Set(sagas.flatMap(takenBy));
  return new Map([...types].map((type) => [type, sagas.filter((saga) => takenBy(saga).includes(type))]));
}

/** The commands that it gives. */
export function commandsOf(saga: SagaDefinition): string[] {
  return waysOf(saga).map(({ command }) => command.type);
}

/** How long the steps of a saga wait, and how often they try, in milliseconds. */
export interface Patience {
  timeout?: number | undefined;
  retryDelays?: readonly number[] | undefined;
}

/** The saga with another patience in place of its own, where one is given. */
export function withPatience(saga: SagaDefinition, { timeout, retryDelays }: Patience): SagaDefinition {
  const change = (way: Way): Way => ({
    ...way,
    timeout: timeout ?? way.timeout,
    retryDelays: retryDelays ?? way.retryDelays,
  });
  const steps = saga.steps.map(({ forward, back, ...step }) => ({
    ...step,
    forward: change(forward),
    ...(back !== undefined && { back: change(back) }),
  }));
  return { ...saga, steps };
}
