import { workerDefinitionOf } from '../worker/definition/worker-definition.js';
import type { Fleet } from './define-fleet.js';

/** The workers that handle a message type, and the projections that it updates, sorted by name. */
export function readersOf({ workers }: Fleet, type: string): string[] {
  const definitions = workers.map(workerDefinitionOf);
  const readers = [...definitions, ...definitions.flatMap(({ projections }) => projections)];
  return readers
    .filter(({ handlerOf }) => handlerOf.has(type))
    .map(({ name }) => name)
    .sort();
}
