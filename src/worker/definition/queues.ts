import type { WorkerQueues } from '../../broker/topology/topology.js';
import { sagasByType, withRetryPolicy, type RetryPolicy } from '../../sagas/definition/definition.js';
import type { WorkerDefinition } from './worker-definition.js';

/** What the broker's topology needs to know of a worker. The queue of one that reads the log is bound by nothing: it
 *  holds what is tried again or sent again. */
export function queuesOf({ name, from, handlers, retryDelays }: WorkerDefinition): WorkerQueues {
  return { name, patterns: from === 'log' ? [] : handlers.map(({ pattern }) => pattern), retryDelays };
}

/** Whether messages are sent to a worker: one that only keeps projections, or takes the log as it is, has no
 *  queue. */
export function hasQueue({ handlers }: Pick<WorkerDefinition, 'handlers'>): boolean {
  return handlers.length > 0;
}

/** The same for all of these workers that have a queue. */
export function queuesOfAll(workers: readonly WorkerDefinition[]): WorkerQueues[] {
  return workers.filter(hasQueue).map(queuesOf);
}

/** The worker with what the configuration says in place of its own. */
export function withOverrides(
  worker: WorkerDefinition,
  overrides: { retryDelays?: readonly number[]; halfOpenAfter?: number; sagas?: RetryPolicy },
): WorkerDefinition {
  const { retryDelays = worker.retryDelays, halfOpenAfter = worker.circuitBreaker.halfOpenAfter } = overrides;
  const maxHalfOpenAfter = Math.max(halfOpenAfter, worker.circuitBreaker.maxHalfOpenAfter);
  const sagas = worker.sagas.map((saga) => withRetryPolicy(saga, overrides.sagas ?? {}));
  return {
    ...worker,
    retryDelays,
    circuitBreaker: { ...worker.circuitBreaker, halfOpenAfter, maxHalfOpenAfter },
    sagas,
    sagasOf: sagasByType(sagas),
  };
}
