import { matchesType } from '../../events/handler-types.js';
import type { DefinedHandler, WorkerDefinition } from './worker-definition.js';

/** The versions in which a worker reads the events of a type. */
export interface TypeRead {
  type: string;
  /** Ascending. The worker reads events of the highest one and of older ones. */
  versions: number[];
  /** Whether it reads the latest version of its catalogue, whichever that is; false if its handlers request versions
   *  by number only. */
  latest: boolean;
}

/** What a worker reads by its handlers, sagas and projections, sorted by type. */
export function typesRead({ definitions, handlers, handlerOf, requested, projections }: WorkerDefinition): TypeRead[] {
  const projected = new Set(projections.flatMap((projection) => [...projection.handlerOf.keys()]));
  return [...new Set([...handlerOf.keys(), ...projected])].sort().map((type) => {
    const newest = definitions[type]?.latest ?? 1;
    const isPlain = ({ pattern, version }: DefinedHandler) =>
      version === undefined && matchesType(definitions, pattern, type);
    const latest = projected.has(type) || handlers.some(isPlain);
    const versions = new Set([...(requested?.get(type) ?? []), ...(latest ? [newest] : [])]);
    return { type, versions: [...versions].sort((a, b) => a - b), latest };
  });
}
