import type { WorkerQueues } from '../broker/topology.js';
import type { WorkerDefinition } from './definition.js';

/** What the broker's topology needs to know of a worker. */
export function queuesOf({ name, handlers, retryDelays }: WorkerDefinition): WorkerQueues {
  return { name, patterns: handlers.map(({ pattern }) => pattern), retryDelays };
}

/** The worker with what the configuration says in place of its own. */
export function withOverrides(
  worker: WorkerDefinition,
  overrides: { retryDelays?: readonly number[]; halfOpenAfter?: number },
): WorkerDefinition {
  const { retryDelays = worker.retryDelays, halfOpenAfter = worker.breaker.halfOpenAfter } = overrides;
  const maxHalfOpenAfter = Math.max(halfOpenAfter, worker.breaker.maxHalfOpenAfter);
  return { ...worker, retryDelays, breaker: { ...worker.breaker, halfOpenAfter, maxHalfOpenAfter } };
}
