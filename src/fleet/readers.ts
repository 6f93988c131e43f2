import { readAs } from '../events/read-as.js';
import { messageTypesOf } from '../sagas/definition/definition.js';
import { readerName, typesRead } from '../worker/definition/types-read.js';
import { workerDefinitionOf, type WorkerDefinition } from '../worker/definition/worker-definition.js';
import type { Fleet } from './define-fleet.js';

/** A part of a fleet that receives messages. */
export interface Reader {
  name: string;
  kind: 'worker' | 'projection' | 'saga' | 'windows';
  /** The worker that runs it. */
  worker: string;
  /** The versions in which it receives the messages of a type, ascending. */
  reads: Record<string, number[]>;
}

/** The workers that handle a message type, with the versions that they request (`audit@1`), and the projections and windows
 *  that it updates, sorted by name. */
export function readersOf({ workers }: Fleet, type: string): string[] {
  const definitions = workers.map(workerDefinitionOf);
  const projections = definitions.flatMap((worker) => worker.projections);
  const windows = definitions.flatMap((worker) => worker.windows);
  return [
    ...definitions.filter(({ handlerOf }) => handlerOf.has(type)).map((worker) => readerName(worker, type)),
    ...projections.filter(({ handlerOf }) => handlerOf.has(type)).map(({ name }) => name),
    ...windows.filter(({ foldOf }) => foldOf.has(type)).map(({ name }) => name),
  ].sort();
}

/** The worker, its projections, its windows and its sagas, as far as they receive messages. */
export function readersIn(definition: WorkerDefinition): Reader[] {
  const { name: worker, definitions, projections, windows, sagas } = definition;
  const latest = (types: Iterable<string>) =>
    Object.fromEntries([...types].map((type) => [type, [definitions[type]?.latest ?? 1]]));
  const own = typesRead({ ...definition, projections: [], windows: [] });
  const readers: Reader[] = [
    {
      name: worker,
      kind: 'worker',
      worker,
      reads: Object.fromEntries(own.map(({ type, versions }) => [type, versions])),
    },
    ...projections.map(({ name, handlerOf }): Reader => ({
      name,
      kind: 'projection',
      worker,
      reads: latest(handlerOf.keys()),
    })),
    ...windows.map(({ name, foldOf }): Reader => ({ name, kind: 'windows', worker, reads: latest(foldOf.keys()) })),
    ...sagas.map((saga): Reader => ({ name: saga.name, kind: 'saga', worker, reads: latest(messageTypesOf(saga)) })),
  ];
  return readers.filter(({ reads }) => Object.keys(reads).length > 0);
}

/** A reader of one version of a message type. */
export interface VersionReader {
  name: string;
  /** The version as which it receives the message. */
  as: number;
}

/** The workers, projections and windows that read messages of a version, sorted by name. Sagas receive theirs from their
 *  worker. */
export function readersOfVersion({ workers, catalogue }: Fleet, type: string, version: number): VersionReader[] {
  const readableFrom = catalogue.definitions[type]?.readableFrom[version];
  return workers
    .flatMap((worker) => readersIn(workerDefinitionOf(worker)))
    .flatMap(({ name, kind, reads }): VersionReader[] => {
      const as = kind === 'saga' ? undefined : readAs(version, reads[type] ?? [], readableFrom);
      return as === undefined ? [] : [{ name, as }];
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
