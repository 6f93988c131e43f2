import { namesFor } from '../../broker/topology/topology.js';
import type { CircuitBreaker } from '../circuit-breaker/circuit-breaker.js';
import type { ConsumptionGate } from '../consumption/gate.js';
import { routeOf } from '../definition/queues.js';
import { commitRetriesExhausted } from '../handler/retries-exhausted.js';
import type { PreparedWorker } from '../prepare.js';
import type { WorkerPipelineContext } from './context.js';
import { ABANDON_AFTER_TIMEOUTS, OverdueHandlers } from './overdue-handlers.js';
import { StartMarks } from './start-marks.js';

/** Creates the dependencies of a worker's middleware. */
export function createPipelineContext(
  { definition, options, use, ending }: PreparedWorker,
  gate: ConsumptionGate,
  circuitBreaker: CircuitBreaker,
): WorkerPipelineContext {
  const { store, broker, instance, logger, metrics, clock, deriveId, verify, emitters } = options;
  const { name, definitions, retryDelays, timeout, prefetch } = definition;
  const { signal } = ending;
  const context: WorkerPipelineContext = {
    name,
    definition,
    definitions,
    route(event) {
      const route = routeOf(definition, event.type);
      return route === 'handled' && definition.accepts?.(event) === false ? 'ignored' : route;
    },
    emitters,
    deriveId,
    retryDelays,
    timeout,
    store,
    publisher: broker.createPublisher(),
    names: namesFor(options.prefix),
    circuitBreaker,
    startMarks: new StartMarks({ store, gate, logger, clock, signal }),
    gate,
    logger,
    metrics,
    clock,
    instance,
    use,
    verify,
    isHandled: async ({ key }) => key !== undefined && store.handled(key),
    onRetriesExhausted: (message, error) => commitRetriesExhausted(context, message, error),
    abandonAfterTimeouts: options.abandonAfterTimeouts ?? ABANDON_AFTER_TIMEOUTS,
    overdueHandlers: new OverdueHandlers({
      worker: name,
      prefetch,
      metrics,
      logger,
      onTooMany: options.onFatal ?? (() => undefined),
    }),
    unpublished: new Set(),
    signal,
  };
  return context;
}
