import { matchesType } from '../../events/handler-types.js';
import type { WorkerDefinition } from './worker-definition.js';

/** The versions in which a worker reads the events of a type. */
export interface TypeRead {
  type: string;
  /** Ascending. The worker reads events of the highest one and of older ones. */
  versions: number[];
  /** Whether it reads the latest version of its catalogue, whichever that is; false if its handlers request versions
   *  by number only. */
  latest: boolean;
}

/** What a worker reads by its handlers, sagas, projections and windows, sorted by type. */
export function typesRead(worker: WorkerDefinition): TypeRead[] {
  const projected = new Set([
    ...worker.projections.flatMap(({ handlerOf }) => [...handlerOf.keys()]),
    ...worker.windows.flatMap(({ foldOf }) => [...foldOf.keys()]),
  ]);
  return [...new Set([...worker.handlerOf.keys(), ...projected])].sort().map((type) => {
    const newest = worker.definitions[type]?.latest ?? 1;
    const latest = projected.has(type) || handlesLatest(worker, type);
    const versions = new Set([...(worker.requested?.get(type) ?? []), ...(latest ? [newest] : [])]);
    return { type, versions: [...versions].sort((a, b) => a - b), latest };
  });
}

/** The name of a worker as a reader of a type, with the versions that its handlers request: `audit@1`,
 *  `audit@1,latest`. */
export function readerName(worker: WorkerDefinition, type: string): string {
  const { name, definitions, requested } = worker;
  const versions = requested?.get(type);
  if (versions === undefined) return name;
  const hasFallback = handlesLatest(worker, type);
  const byNumber = versions.filter((version) => !(hasFallback && version === definitions[type]?.latest));
  return `${name}@${[...byNumber, ...(hasFallback ? ['latest'] : [])].join(',')}`;
}

/** Whether a plain key or a wildcard handles the type. */
function handlesLatest({ definitions, handlers }: WorkerDefinition, type: string): boolean {
  return handlers.some(({ pattern, version }) => version === undefined && matchesType(definitions, pattern, type));
}
