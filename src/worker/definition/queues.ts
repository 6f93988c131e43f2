import { parseHandlerKey } from '../../events/handler-keys.js';
import { isWildcard, matches } from '../../events/patterns.js';
import type { WorkerQueues } from '../../broker/topology/topology.js';
import { sagasByType, withRetryPolicy, type RetryPolicy } from '../../sagas/definition/definition.js';
import { routingKeyOf } from '../telemetry/topics.js';
import type { WorkerDefinition } from './worker-definition.js';

/** Returns the queue and bindings of a worker for the broker's topology. The queue of a worker with `from: 'log'` has
 *  no bindings: it holds only retried and replayed messages. */
export function queuesOf(worker: WorkerDefinition): WorkerQueues {
  const { name, from, handlers, retryDelays, ordering } = worker;
  const patterns = from === 'log' ? [] : [...new Set(handlers.map(({ pattern }) => pattern))];
  if (ordering === undefined) {
    const keys = (topics: readonly string[]) => topics.map((topic) => routingKeyOf(topic, '*'));
    const { topics = [], replies = [] } = worker.telemetry ?? {};
    const telemetry = worker.telemetry && { patterns: keys(topics), replies: keys(replies) };
    return { name, patterns, retryDelays, ...(telemetry && { telemetry }) };
  }
  const isUnordered = (pattern: string) => unorderedPatterns(worker).includes(pattern);
  return {
    name,
    patterns: patterns.filter(isUnordered),
    retryDelays,
    ordered: {
      patterns: patterns.filter((pattern) => !isUnordered(pattern)),
      partitions: ordering.partitions,
    },
  };
}

/** The topic patterns of the messages that an ordered worker handles in no particular order. */
export function unorderedPatterns({ ordering }: Pick<WorkerDefinition, 'ordering'>): string[] {
  return (ordering?.unordered ?? []).map((key) => parseHandlerKey(key).pattern);
}

/** Whether a worker has a queue. Workers that only run projections or consume the stream directly have none. */
export function hasQueue({ handlers }: Pick<WorkerDefinition, 'handlers'>): boolean {
  return handlers.length > 0;
}

/** Whether the worker handles the messages of a type in order. */
export function isOrdered(worker: Pick<WorkerDefinition, 'ordering'>, type: string): boolean {
  return worker.ordering !== undefined && !unorderedPatterns(worker).some((pattern) => matches(pattern, type));
}

/** The queues of all given workers that have one. */
export function queuesOfAll(workers: readonly WorkerDefinition[]): WorkerQueues[] {
  return workers.filter(hasQueue).map(queuesOf);
}

/** Returns the worker with its options replaced by those of the configuration. */
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

/** Whether the worker binds the type. */
export function isBound({ handlers }: Pick<WorkerDefinition, 'handlers'>, type: string): boolean {
  return handlers.some(({ pattern }) => matches(pattern, type));
}

/** How the worker treats a type. A wildcard binding also delivers commands that other workers handle: `ignored`. */
export function routeOf(worker: WorkerDefinition, type: string): 'handled' | 'ignored' | 'unknown' {
  if (worker.handlerOf.has(type)) return 'handled';
  return worker.handlers.some(({ pattern }) => isWildcard(pattern) && matches(pattern, type)) ? 'ignored' : 'unknown';
}
