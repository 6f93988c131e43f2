import { isWildcard, matches } from '../../events/patterns.js';
import type { WorkerDefinition } from './worker-definition.js';

/** What becomes of a type at this worker. A wildcard binding also brings commands, which are somebody else's. */
export function routeOf(worker: WorkerDefinition, type: string): 'handled' | 'ignored' | 'unknown' {
  if (worker.handlerOf.has(type)) return 'handled';
  return worker.handlers.some(({ pattern }) => isWildcard(pattern) && matches(pattern, type)) ? 'ignored' : 'unknown';
}
