import type { Route } from '../api/route.js';
import { LIFECYCLE_EVENTS } from '../dead-letters/lifecycle-events.js';
import { sagaEvents } from '../events/saga-events.js';
import type { Fleet } from '../fleet/define-fleet.js';
import { OPS_STORE } from '../fleet/reserved-names.js';
import { commandsOf, messageTypesOf } from '../sagas/definition/definition.js';
import type { SagaDefinition } from '../sagas/definition/types.js';
import { workerDefinitionOf, type WorkerDefinition } from '../worker/definition/worker-definition.js';
import { compare, type Flow, type Part } from './model.js';

/** A saga has finitely many steps and attempts: what it reads after its start moves it forward or is noted. */
const SAGA_ENDS = 'a saga has finitely many steps and attempts';

/** Returns the flow of a fleet, as its workers, sagas, windows, projections and routes declare it. The journal, which stores every
 *  message, is not a part of it. */
export function flowOf(fleet: Fleet): Flow {
  const parts = [
    ...outsideParts(fleet),
    ...apiParts(fleet),
    ...fleet.workers.map(workerDefinitionOf).flatMap(workerParts),
    partOf({ kind: 'keeper', name: 'keeper', service: OPS_STORE, emits: [...LIFECYCLE_EVENTS] }),
  ].filter(({ emits, reads }) => emits.length + reads.length > 0);
  const undeclaredApi = fleet.api !== undefined && fleet.api.emits === undefined ? fleet.api.store : undefined;
  return { parts: parts.sort((a, b) => compare(a.id, b.id)), undeclaredApi };
}

function partOf(part: Pick<Part, 'kind' | 'name' | 'service'> & Partial<Omit<Part, 'id'>>): Part {
  const sorted = (types: readonly string[] = []) => [...new Set(types)].sort(compare);
  return {
    id: `${part.kind}:${part.name}`,
    cycles: [],
    ...part,
    emits: sorted(part.emits),
    reads: sorted(part.reads),
  };
}

function outsideParts({ catalogue }: Fleet): Part[] {
  const types = new Map<string, string[]>();
  for (const [type, { outside = [] }] of Object.entries(catalogue.definitions)) {
    for (const source of outside) types.set(source, [...(types.get(source) ?? []), type]);
  }
  return [...types].map(([source, emits]) => partOf({ kind: 'outside', name: source, service: source, emits }));
}

/** Routes that declare their types, and the API for the types that no route declares: those of other routes, or of a
 *  program that appends to its store. */
function apiParts({ api }: Fleet): Part[] {
  if (api === undefined) return [];
  const { store: service } = api;
  const routes = routesOf(api);
  const declared = routes.map(({ method, path, emits = [] }) =>
    partOf({ kind: 'route', name: `${method.toUpperCase()} ${path}`, service, emits }),
  );
  const isComplete = routes.every(({ method, emits }) => method === 'get' || emits !== undefined);
  const types = new Set(isComplete ? declared.flatMap(({ emits }) => emits) : []);
  const rest = (api.emits ?? []).filter((type) => !types.has(type));
  return [...declared, partOf({ kind: 'api', name: 'api', service, emits: rest })];
}

/** The routes with the defaults of the settings, whatever the environment; none if a setting has no default. */
function routesOf({ settings, routes }: NonNullable<Fleet['api']>): readonly Route[] {
  return settings.safeParse({}).success ? routes({}) : [];
}

function workerParts(worker: WorkerDefinition): Part[] {
  const {
    name,
    store: service,
    handlersEmit: emits,
    handlersRead: reads,
    cycles,
    sagas,
    projections,
    windows,
  } = worker;
  const own = { worker: name, service };
  return [
    partOf({ ...own, kind: 'worker', name, emits, reads, cycles }),
    ...sagas.map((saga) => sagaPart(saga, own)),
    ...windows.map(({ name: window, foldOf, emits: result }) =>
      partOf({ ...own, kind: 'windows', name: window, emits: [result], reads: [...foldOf.keys()] }),
    ),
    ...projections.map(({ name: projection, handlerOf }) =>
      partOf({ ...own, kind: 'projection', name: projection, reads: [...handlerOf.keys()] }),
    ),
  ];
}

function sagaPart(saga: SagaDefinition, own: Pick<Part, 'service'> & { worker: string }): Part {
  const reads = [...messageTypesOf(saga), 'saga.failed'];
  return partOf({
    ...own,
    kind: 'saga',
    name: saga.name,
    emits: [...Object.keys(sagaEvents), ...commandsOf(saga)],
    reads,
    cycles: [{ types: [...new Set(reads)].filter((type) => type !== saga.startedBy), reason: SAGA_ENDS }],
  });
}
