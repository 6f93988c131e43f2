import { readerName } from '../worker/definition/types-read.js';
import { workerDefinitionOf } from '../worker/definition/worker-definition.js';
import type { Fleet } from './define-fleet.js';

/** The workers that handle a message type, with the versions that they request (`audit@1`), and the projections that it
 *  updates, sorted by name. */
export function readersOf({ workers }: Fleet, type: string): string[] {
  const definitions = workers.map(workerDefinitionOf);
  const projections = definitions.flatMap((worker) => worker.projections);
  return [
    ...definitions.filter(({ handlerOf }) => handlerOf.has(type)).map((worker) => readerName(worker, type)),
    ...projections.filter(({ handlerOf }) => handlerOf.has(type)).map(({ name }) => name),
  ].sort();
}
