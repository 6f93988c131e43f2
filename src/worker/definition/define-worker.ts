import { z } from 'zod';
import { parseDuration } from '../../duration.js';
import { FlotillaError } from '../../errors.js';
import { sagaEvents } from '../../events/saga-events.js';
import type { Definitions } from '../../events/definitions.js';
import { matchesType } from '../../events/handler-types.js';
import { parseHandlerKey } from '../../events/handler-keys.js';
import { bySpecificity } from '../../events/patterns.js';
import { wrapDefinition } from '../../opaque.js';
import { projectionDefinitionOf } from '../../projections/definition.js';
import { sagaDefinitionOf } from '../../sagas/definition/define-saga.js';
import { commandsOf, messageTypesOf, sagasByType } from '../../sagas/definition/definition.js';
import type { SagaDefinition } from '../../sagas/definition/types.js';
import { windowsDefinitionOf } from '../../windows/definition.js';
import { checkDefinition } from './check-definition.js';
import { dispatchTable } from './dispatch-table.js';
import type { OrderingOptions, WorkerOptions } from './options.js';
import { emittedByCommands } from '../../aggregates/decider.js';
import type { DefineWorker, ErasedHandler, OrderingDefinition, Worker, WorkerDefinition } from './worker-definition.js';

const DEFAULT_RETRY_DELAYS = ['1s', '10s', '1m', '10m'];

/** Returns the `defineWorker` of a catalogue. It throws `worker.bad_definition` for mistakes that the compiler does not
 *  detect. */
export function workerDefiner<D extends Definitions>(definitions: D): DefineWorker<D> {
  return (options) => {
    const definition = erase(definitions, options);
    if (options.offset !== undefined && definition.from === 'queue') {
      throw new FlotillaError('worker.bad_definition', `${options.name}: \`offset\` belongs to from: 'log'`);
    }
    checkDefinition(definition);
    return wrapDefinition(definition);
  };
}

/** A worker that consumes the stream `events.log` directly, with entries of every type. It has no queue. */
export function defineStreamWorker({
  name,
  store,
  consumeStream,
}: Required<Pick<WorkerDefinition, 'name' | 'store' | 'consumeStream'>>): Worker {
  const definition: WorkerDefinition = { ...erase({}, { name, store, from: 'log' }), consumeStream };
  checkDefinition(definition);
  return wrapDefinition(definition);
}

/** The compiler has checked the handlers against the catalogue; from here on they accept any event. */
function erase<
  D extends Definitions,
  E extends keyof D & string,
  S extends z.ZodObject,
  U,
  P extends string,
  A extends keyof D & string,
>(definitions: D, options: WorkerOptions<D, E, S, U, P, A>): WorkerDefinition {
  const { circuitBreaker = {} } = options;
  const sagas = (options.sagas ?? []).map(sagaDefinitionOf);
  const windows = (options.windows ?? []).map(windowsDefinitionOf);
  const handlers = withSagas(definitions, sagas, Object.entries(options.on ?? {}))
    .map(([key, handle]) => ({ ...parseHandlerKey(key), handle: handle as ErasedHandler }))
    .sort((a, b) => bySpecificity(a.pattern, b.pattern));
  const dispatch = dispatchTable(definitions, handlers);
  const handlersEmit = [...(options.emits ?? []), ...emittedByCommands(options.aggregates)];
  return {
    name: options.name,
    store: options.store ?? options.name,
    definitions,
    settings: options.settings ?? z.object({}),
    setup: (options.setup ?? (() => undefined)) as WorkerDefinition['setup'],
    teardown: (options.teardown ?? (() => undefined)) as WorkerDefinition['teardown'],
    check: (options.check ?? (() => undefined)) as WorkerDefinition['check'],
    emits: new Set<string>([...handlersEmit, ...sagas.flatMap(emittedBy), ...windows.map(({ emits }) => emits)]),
    handlersEmit,
    aggregates: options.aggregates ?? [],
    handlersRead: [...dispatch.handlerOf].filter(([, handle]) => handle !== routedToSaga).map(([type]) => type),
    cycles: options.cycles ?? [],
    from: options.from ?? 'queue',
    offset: options.offset ?? 'first',
    ...(options.replay && { replay: options.replay }),
    ...(options.reset && { reset: options.reset }),
    projections: (options.projections ?? []).map(projectionDefinitionOf),
    windows,
    sagas,
    sagasOf: sagasByType(sagas),
    handlers,
    ...dispatch,
    ...(options.telemetry && { telemetry: { replies: [], ...options.telemetry } }),
    ...(options.accepts && { accepts: options.accepts }),
    ...(options.bootstrap && { bootstrap: options.bootstrap }),
    migrations: options.migrations ?? [],
    prefetch: options.prefetch ?? 100,
    timeout: parseDuration(options.timeout ?? '30s'),
    ordering: orderingOf(options.ordering),
    retryDelays: (options.retry?.delays ?? DEFAULT_RETRY_DELAYS).map(parseDuration),
    circuitBreaker: {
      failures: circuitBreaker.failures ?? 5,
      halfOpenAfter: parseDuration(circuitBreaker.halfOpenAfter ?? '10s'),
      maxHalfOpenAfter: parseDuration(circuitBreaker.maxHalfOpenAfter ?? '5m'),
    },
    ...(options.onRetriesExhausted && { onRetriesExhausted: options.onRetriesExhausted }),
  };
}

const DEFAULT_PARTITIONS = 16;
const DEFAULT_GAP_TIMEOUT = '1m';

function orderingOf(
  ordering: 'none' | OrderingOptions['by'] | OrderingOptions = 'none',
): OrderingDefinition | undefined {
  if (ordering === 'none') return undefined;
  const options: OrderingOptions = typeof ordering === 'string' ? { by: ordering } : ordering;
  const { by, gapTimeout, startsAt } = options;
  const isSequence = by === 'sequence';
  if (isSequence && options.pipelined === true) {
    throw new FlotillaError('worker.bad_definition', "`pipelined` is not for by: 'sequence'");
  }
  if (!isSequence && (gapTimeout !== undefined || startsAt !== undefined)) {
    throw new FlotillaError('worker.bad_definition', "`gapTimeout` and `startsAt` are for by: 'sequence'");
  }
  return {
    by,
    partitions: options.partitions ?? (by === 'total' ? 1 : DEFAULT_PARTITIONS),
    unordered: options.unordered ?? [],
    pipelined: options.pipelined ?? false,
    whenExhausted: options.whenExhausted ?? (isSequence ? 'hold' : 'continue'),
    sequence: isSequence
      ? { gapTimeout: parseDuration(gapTimeout ?? DEFAULT_GAP_TIMEOUT), startsAt: startsAt ?? 'first' }
      : undefined,
  };
}

/** Adds the message types of the sagas and their failures to the bindings of the worker, with handlers that do
 *  nothing. */
function withSagas(
  definitions: Definitions,
  sagas: readonly SagaDefinition[],
  handlers: readonly [string, unknown][],
): (readonly [string, unknown])[] {
  const isHandled = (type: string) => handlers.some(([key]) => matchesType(definitions, key, type));
  const types = new Set(
    sagas.flatMap((saga) => [...messageTypesOf(saga), 'saga.failed']).filter((type) => !isHandled(type)),
  );
  return [...handlers, ...[...types].map((type) => [type, routedToSaga] as const)];
}

/** The handler of types that only sagas read. */
const routedToSaga: ErasedHandler = () => undefined;

function emittedBy(saga: SagaDefinition): string[] {
  return [...Object.keys(sagaEvents), ...commandsOf(saga)];
}
