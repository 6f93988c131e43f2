import { z } from 'zod';
import { parseDuration } from '../../duration.js';
import { FlotillaError } from '../../errors.js';
import { sagaEvents } from '../../events/saga-events.js';
import type { Definitions } from '../../events/definitions.js';
import { matchesType, typesMatching } from '../../events/handler.js';
import { bySpecificity, isAmbiguous } from '../../events/patterns.js';
import { isPlainName } from '../../text/plain-name.js';
import { wrapDefinition } from '../../opaque.js';
import { projectionDefinitionOf } from '../../projections/projection.js';
import { sagaDefinitionOf } from '../../sagas/define.js';
import { commandsOf, messageTypesOf, sagasByType } from '../../sagas/definition.js';
import type { SagaDefinition } from '../../sagas/types.js';
import type { WorkerOptions } from './options.js';
import type { DefineWorker, ErasedHandler, Worker, WorkerDefinition } from './worker-definition.js';

const DEFAULT_DELAYS = ['1s', '10s', '1m', '10m'];

/** Half of RabbitMQ's consumer timeout of 30 minutes: a message that waits behind a full prefetch of slow ones must
 *  be settled before the broker takes the channel away. */
const LONGEST_TIMEOUT = 15 * 60_000;

/** The longest time to live that RabbitMQ takes, in milliseconds. */
const LONGEST_RETRY_DELAY = 4_294_967_295;

/** Gives the `defineWorker` of a catalogue. Throws `worker.bad_definition` at once for what the compiler can't see. */
export function workerDefiner<D extends Definitions>(definitions: D): DefineWorker<D> {
  return (options) => {
    const definition = erase(definitions, options);
    if (options.offset !== undefined && definition.from === 'queue') {
      throw new FlotillaError('worker.bad_definition', `${options.name}: \`offset\` belongs to from: 'log'`);
    }
    check(definition);
    return wrapDefinition(definition);
  };
}

/** A worker that consumes the stream `events.log` by itself, whatever the types. It has no queue. */
export function defineStreamWorker({
  name,
  store,
  consumeStream,
}: Required<Pick<WorkerDefinition, 'name' | 'store' | 'consumeStream'>>): Worker {
  const definition: WorkerDefinition = { ...erase({}, { name, store, from: 'log' }), consumeStream };
  check(definition);
  return wrapDefinition(definition);
}

/** The compiler has checked the handlers against the catalogue; from here on they are functions of any event. */
function erase<D extends Definitions, E extends keyof D & string, S extends z.ZodObject, U, P extends string>(
  definitions: D,
  options: WorkerOptions<D, E, S, U, P>,
): WorkerDefinition {
  const { circuitBreaker = {} } = options;
  const sagas = (options.sagas ?? []).map(sagaDefinitionOf);
  const handlers = withSagas(definitions, sagas, Object.entries(options.on ?? {}))
    .map(([pattern, handle]) => ({ pattern, handle: handle as ErasedHandler }))
    .sort((a, b) => bySpecificity(a.pattern, b.pattern));
  return {
    name: options.name,
    store: options.store ?? options.name,
    definitions,
    settings: options.settings ?? z.object({}),
    setup: (options.setup ?? (() => undefined)) as WorkerDefinition['setup'],
    teardown: (options.teardown ?? (() => undefined)) as WorkerDefinition['teardown'],
    emits: new Set<string>([...(options.emits ?? []), ...sagas.flatMap(saysOf)]),
    from: options.from ?? 'queue',
    offset: options.offset ?? 'first',
    ...(options.replay && { replay: options.replay }),
    ...(options.reset && { reset: options.reset }),
    projections: (options.projections ?? []).map(projectionDefinitionOf),
    sagas,
    sagasOf: sagasByType(sagas),
    handlers,
    handlerOf: dispatchTable(definitions, handlers),
    ...(options.bootstrap && { bootstrap: options.bootstrap }),
    migrations: options.migrations ?? [],
    prefetch: options.prefetch ?? 100,
    timeout: parseDuration(options.timeout ?? '30s'),
    ordering: options.ordering ?? 'none',
    retryDelays: (options.retry?.delays ?? DEFAULT_DELAYS).map(parseDuration),
    circuitBreaker: {
      failures: circuitBreaker.failures ?? 5,
      halfOpenAfter: parseDuration(circuitBreaker.halfOpenAfter ?? '10s'),
      maxHalfOpenAfter: parseDuration(circuitBreaker.maxHalfOpenAfter ?? '5m'),
    },
    ...(options.onRetriesExhausted && { onRetriesExhausted: options.onRetriesExhausted }),
  };
}

/** What a saga takes reaches its worker's queue, too, and that it has failed; the worker itself has nothing to do with
 *  it. */
function withSagas(
  definitions: Definitions,
  sagas: readonly SagaDefinition[],
  handlers: readonly [string, unknown][],
): (readonly [string, unknown])[] {
  const isHandled = (type: string) => handlers.some(([pattern]) => matchesType(definitions, pattern, type));
  const types = new Set(
    sagas.flatMap((saga) => [...messageTypesOf(saga), 'saga.failed']).filter((type) => !isHandled(type)),
  );
  return [...handlers, ...[...types].map((type) => [type, () => undefined] as const)];
}

function saysOf(saga: SagaDefinition): string[] {
  return [...Object.keys(sagaEvents), ...commandsOf(saga)];
}

function check(worker: WorkerDefinition): void {
  const fail = (detail: string) => new FlotillaError('worker.bad_definition', `${worker.name}: ${detail}`);
  if (!isPlainName(worker.name)) throw fail('a name is lower case letters, digits and single dashes');
  const takesNothing = worker.consumeStream === undefined && worker.handlers.length === 0;
  if (takesNothing && worker.projections.length === 0) throw fail('it handles nothing');
  if (takesNothing && worker.from === 'log') throw fail("from: 'log' takes handlers");
  if (worker.sagas.length > 0 && worker.from === 'log')
    throw fail('sagas would begin anew over all of history: they take a queue');
  if ((worker.replay === 'reset') !== (worker.reset !== undefined)) {
    throw fail("`reset` belongs to replay: 'reset', and the other way round");
  }
  if (!Number.isInteger(worker.prefetch) || worker.prefetch < 1 || worker.prefetch > 2000) {
    throw fail('prefetch is a whole number from 1 to 2000');
  }
  if (!worker.retryDelays.every((delay) => Number.isInteger(delay) && delay >= 1 && delay <= LONGEST_RETRY_DELAY)) {
    throw fail('a retry delay is 1ms to 49d, in whole milliseconds');
  }
  if (worker.timeout > LONGEST_TIMEOUT) throw fail('the timeout is longer than 15 minutes');
  const twice = worker.sagas.find(({ name }, index) => worker.sagas.findIndex((saga) => saga.name === name) !== index);
  if (twice !== undefined) throw fail(`two of its sagas are called ${twice.name}`);
  for (const type of worker.emits) if (!(type in worker.definitions)) throw fail(`it emits the unknown type ${type}`);
  for (const { pattern } of worker.handlers) {
    if (typesMatching(worker.definitions, pattern).length === 0) throw fail(`nothing matches the pattern ${pattern}`);
  }
  for (const type of Object.keys(worker.definitions)) {
    const [first, second] = worker.handlers.filter(({ pattern }) => matchesType(worker.definitions, pattern, type));
    if (first && second && isAmbiguous(first.pattern, second.pattern)) {
      throw fail(`${type} is handled by ${first.pattern} and ${second.pattern}, neither more specific`);
    }
  }
}

/** The most specific handler of each type; `handlers` has the most specific first. */
function dispatchTable(definitions: Definitions, handlers: WorkerDefinition['handlers']): Map<string, ErasedHandler> {
  const table = new Map<string, ErasedHandler>();
  for (const type of Object.keys(definitions)) {
    const found = handlers.find(({ pattern }) => matchesType(definitions, pattern, type));
    if (found !== undefined) table.set(type, found.handle);
  }
  return table;
}
