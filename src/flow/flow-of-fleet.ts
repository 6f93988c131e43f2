import type { Route } from '../api/route.js';
import { LIFECYCLE_EVENTS } from '../dead-letters/lifecycle-events.js';
import { sagaEvents } from '../events/saga-events.js';
import { typesMatching } from '../events/handler-types.js';
import { declaredEmitters, type Fleet } from '../fleet/define-fleet.js';
import { kafkaWindows } from '../fleet/kafka.js';
import { KAFKA_STORE, OPS_STORE } from '../fleet/reserved-names.js';
import { commandsOf, messageTypesOf } from '../sagas/definition/definition.js';
import type { SagaDefinition } from '../sagas/definition/types.js';
import { workerDefinitionOf, type WorkerDefinition } from '../worker/definition/worker-definition.js';
import { topicOf } from '../kafka/topics/topic-routes.js';
import { windowsDefinitionOf, type WindowsDefinition } from '../windows/definition.js';
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
    ...kafkaParts(fleet),
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
    ...windows.map((definition) => windowsPart(definition, own)),
    ...projections.map(({ name: projection, handlerOf }) =>
      partOf({ ...own, kind: 'projection', name: projection, reads: [...handlerOf.keys()] }),
    ),
  ];
}

/** The topics of Kafka with what sinks publish there and sources accept from there, and the windows over topics. The types
 *  of these windows that no part of the fleet emits come from their topics. */
function kafkaParts(fleet: Fleet): Part[] {
  const { kafka, catalogue } = fleet;
  if (kafka === undefined) return [];
  const { definitions } = catalogue;
  const { topics = {}, sources = [], windows = [] } = kafka;
  const find = topicOf(topics, definitions);
  const emitted = new Set(declaredEmitters(fleet).keys());
  const parts = new Map<string, { emits: string[]; reads: string[] }>();
  const add = (topic: string, types: Partial<{ emits: string[]; reads: string[] }>) => {
    const { emits, reads } = parts.get(topic) ?? { emits: [], reads: [] };
    parts.set(topic, { emits: [...emits, ...(types.emits ?? [])], reads: [...reads, ...(types.reads ?? [])] });
  };
  for (const type of Object.keys(definitions)) {
    const topic = find(type);
    if (topic !== undefined && emitted.has(type)) add(topic, { reads: [type] });
  }
  for (const { topics: names, types } of sources) {
    const emits = types.flatMap((pattern) => typesMatching(definitions, pattern));
    for (const topic of names) add(topic, { emits });
  }
  for (const { topics: names, windows: handle } of windows) {
    const foreign = [...windowsDefinitionOf(handle).foldOf.keys()].filter((type) => !emitted.has(type));
    for (const topic of names) add(topic, { emits: foreign });
  }
  return [
    ...[...parts].map(([name, types]) => partOf({ kind: 'topic', name, service: KAFKA_STORE, ...types })),
    ...kafkaWindows(fleet).map((definition) => windowsPart(definition, { service: KAFKA_STORE })),
  ];
}

function windowsPart({ name, foldOf, emits }: WindowsDefinition, own: Pick<Part, 'service' | 'worker'>): Part {
  return partOf({ ...own, kind: 'windows', name, emits: [emits], reads: [...foldOf.keys()] });
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
