import { isWildcard, matches } from '../../events/patterns.js';
import type { WorkerDefinition } from './worker-definition.js';

/** How the worker treats a type. A wildcard binding also delivers commands that other workers handle: `ignored`. */
export function routeOf(worker: WorkerDefinition, type: string): 'handled' | 'ignored' | 'unknown' {
  if (worker.handlerOf.has(type)) return 'handled';
  return worker.handlers.some(({ pattern }) => isWildcard(pattern) && matches(pattern, type)) ? 'ignored' : 'unknown';
}
