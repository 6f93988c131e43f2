import { z } from 'zod';
import { emittedByCommands, type DeclaredAggregate } from '../aggregates/decider.js';
import type { Catalogue } from './catalogue.js';
import { FlotillaError } from '../errors.js';
import type { Definitions } from '../events/definitions.js';
import { isWildcard } from '../events/patterns.js';
import type { StoredEvent } from '../store/stored-event.js';
import { KAFKA_STORE, OPS_STORE, RESERVED_NAMES } from './reserved-names.js';
import { checkKafka, kafkaWindows, typesFromKafka, type KafkaDeclaration } from './kafka.js';
import type { Load } from './load.js';
import { sandboxOf, type Sandbox, type SandboxDeclaration } from './sandbox.js';
import { typesMatching } from '../events/handler-types.js';
import { workerDefinitionOf } from '../worker/definition/worker-definition.js';
import { isBound } from '../worker/definition/queues.js';
import type { Emitters } from '../worker/pipeline/context.js';
import { LIFECYCLE_EVENTS } from '../dead-letters/lifecycle-events.js';
import type { Worker } from '../worker/definition/worker-definition.js';
import type { ApiInfo } from '../api/openapi/document.js';
import type { Route } from '../api/route.js';

/** The URLs of a running fleet; absent for processes that the fleet does not have. */
export interface FleetUrls {
  readonly api?: string;
  readonly sandbox?: string;
}

/** The common parts of all fleets, with any types. */
interface FleetParts {
  readonly workers: readonly Worker[];
  /** Parts of the fleet that do not run unless they are named, by `flotilla up --with <part>` or in WITH: the workers of
   *  each, which `workers` also contains. @default none */
  readonly optional?: Readonly<Record<string, readonly Worker[]>>;
  /** Whether the aggregate of a command is closed, according to its history in the API's store: a dead letter of the
   *  command is then replayed only with `--force`. */
  readonly isClosed?: (command: { type: string; subject: string }, history: readonly StoredEvent[]) => boolean;
  /** Lines that `up` prints when the fleet is running, by heading: `{ Mailbox: 'http://…' }`. */
  readonly banner?: (urls: FleetUrls) => Readonly<Record<string, string>>;
  /** What the fleet exchanges with Kafka. @default nothing */
  readonly kafka?: KafkaDeclaration;
  /** Loads for the running fleet, by name: `flotilla simulate <name>`. */
  readonly simulations?: Readonly<Record<string, Load>>;
}

/** A fleet, as returned by `defineFleet`. */
export interface Fleet extends FleetParts {
  readonly sandbox?: Sandbox;
  readonly catalogue: Catalogue<Definitions>;
  readonly api?: {
    readonly store: string;
    readonly settings: z.ZodObject;
    /** The types that its routes append; undefined if not declared. */
    readonly emits?: readonly string[];
    readonly aggregates?: readonly DeclaredAggregate[];
    readonly info?: Partial<ApiInfo>;
    readonly documents: boolean;
    /** Returns the routes for these settings, if these optional parts run. @default parts: none */
    readonly routes: (settings: Record<string, unknown>, parts?: readonly string[]) => readonly Route[];
  };
}

/** A fleet with any catalogue; typed catalogues are assignable. */
interface FleetOptions<Settings extends z.ZodObject, SandboxSettings extends z.ZodObject> extends FleetParts {
  readonly catalogue: { readonly definitions: Definitions };
  /** The API. */
  readonly api?: {
    /** The store, which it shares with workers. */
    readonly store: string;
    /** The types that the routes append to the store. If declared, a projection of this store that handles a type that
     *  the store never contains is an error. @default the `emits` of the routes, if `routes` is a list in which each
     *  route that writes has them; otherwise any type */
    readonly emits?: readonly string[];
    /** The deciders on which the routes execute commands; their events need not be listed in `emits`. */
    readonly aggregates?: readonly DeclaredAggregate[];
    /** The schema of its settings, read from the environment as those of workers: `pageSize` from PAGE_SIZE. */
    readonly settings?: Settings;
    /** For `/openapi.json` and `/asyncapi.json`. @default the name of the store, and the version of Flotilla */
    readonly info?: Partial<ApiInfo>;
    /** Whether the API serves the documents of the fleet: `/asyncapi.json`, `/schemas` and the pages at `/docs`.
     *  @default true */
    readonly documents?: boolean;
    /** The routes, or a function of its settings and the optional parts that run. */
    readonly routes: readonly Route[] | ((settings: z.infer<Settings>, parts: readonly string[]) => readonly Route[]);
  };
  /** Simulates external services in development; `flotilla sandbox` runs it. */
  readonly sandbox?: SandboxDeclaration<SandboxSettings>;
}

/** Defines a fleet. Throws `fleet.invalid` if two workers, two projections or two versions of one window computation have the same name, if a worker has the
 *  name or the store of another part of the fleet, if an optional part has a worker that the fleet does not have, if one that orders by 'sequence' handles only some types of an aggregate, if a projection handles a type that its store never contains, or if
 *  a command is handled by no worker or by several. */
export function defineFleet<
  Settings extends z.ZodObject = z.ZodObject,
  SandboxSettings extends z.ZodObject = z.ZodObject,
>(options: FleetOptions<Settings, SandboxSettings>): Fleet {
  const { api, sandbox, ...parts } = options;
  const fleet = {
    ...parts,
    ...(api !== undefined && { api: erased(api) }),
    ...(sandbox !== undefined && { sandbox: sandboxOf(sandbox) }),
  } as Fleet;
  const names = new Set<string>();
  for (const { name } of fleet.workers) {
    if (names.has(name)) throw new FlotillaError('fleet.invalid', `two workers have the name ${name}`);
    names.add(name);
  }
  checkOptional(fleet);
  checkReserved(fleet);
  checkProjections(fleet);
  checkProjectedTypes(fleet);
  checkWindows(fleet);
  checkSagas(fleet);
  checkCommands(fleet);
  checkSources(fleet);
  checkSequences(fleet);
  checkKafka(fleet);
  return fleet;
}

function erased<Settings extends z.ZodObject>({
  store,
  settings,
  emits,
  aggregates,
  info,
  documents = true,
  routes,
}: NonNullable<FleetOptions<Settings, z.ZodObject>['api']>): NonNullable<Fleet['api']> {
  const isDeclared = emits !== undefined || aggregates !== undefined;
  const types = isDeclared
    ? [...(emits ?? []), ...emittedByCommands(aggregates)]
    : typeof routes === 'function'
      ? undefined
      : emittedByRoutes(routes);
  const declared = {
    store,
    documents,
    ...(aggregates !== undefined && { aggregates }),
    ...(types !== undefined && { emits: types }),
    ...(info !== undefined && { info }),
  };
  if (typeof routes !== 'function') return { ...declared, settings: settings ?? z.object({}), routes: () => routes };
  if (settings === undefined)
    throw new FlotillaError('fleet.invalid', 'the routes of the API require settings; declare them');
  return { ...declared, settings, routes: (given, parts = []) => routes(settings.parse(given), parts) };
}

/** The types of all routes that write; undefined if one of them does not declare its types, or if there is none. */
function emittedByRoutes(routes: readonly Route[]): string[] | undefined {
  const writing = routes.filter(({ method }) => method !== 'get');
  if (writing.length === 0 || writing.some(({ emits }) => emits === undefined)) return undefined;
  return [...new Set(writing.flatMap(({ emits = [] }) => emits))];
}

/** Throws `fleet.invalid` for a route that emits a type which the catalogue or the API does not declare. */
export function checkRouteEmits({ api, catalogue }: Fleet, routes: readonly Route[]): void {
  for (const { method, path, emits = [] } of routes) {
    const unknown = emits.find((type) => !(type in catalogue.definitions));
    const undeclared = emits.find((type) => api?.emits?.includes(type) === false);
    const name = `${method.toUpperCase()} ${path}`;
    if (unknown !== undefined) throw new FlotillaError('fleet.invalid', `${name} emits the unknown type ${unknown}`);
    if (undeclared !== undefined) {
      const detail = `${name} emits ${undeclared}, which the API does not declare`;
      throw new FlotillaError('fleet.invalid', `${detail}; add it to \`api.emits\` of the fleet`);
    }
  }
}

/** The services whose events of each type are accepted: those that declare it, an API without declarations, which may append
 *  any type, and the keeper's service, which edits messages of any type. */
export function emittersOf(fleet: Fleet): Emitters {
  const { api, catalogue } = fleet;
  const services = declaredEmitters(fleet);
  if (api !== undefined && api.emits === undefined) addEmitter(services, api.store, Object.keys(catalogue.definitions));
  for (const each of services.values()) each.add(OPS_STORE);
  return services;
}

/** The services that declare to emit each type. */
export function declaredEmitters({ workers, api, kafka, catalogue }: Fleet): Map<string, Set<string>> {
  const services = new Map<string, Set<string>>();
  addEmitter(services, OPS_STORE, LIFECYCLE_EVENTS);
  for (const { store, emits } of workers.map(workerDefinitionOf)) addEmitter(services, store, emits);
  if (api?.emits !== undefined) addEmitter(services, api.store, api.emits);
  addEmitter(services, KAFKA_STORE, typesFromKafka({ kafka, catalogue }));
  return services;
}

/** The types that a service declares to emit; undefined if it may emit any type, as an API without declarations and the
 *  service of the keeper, which publishes edited messages. */
export function emittedBy(fleet: Fleet, service: string): ReadonlySet<string> | undefined {
  if (service === OPS_STORE || (service === fleet.api?.store && fleet.api.emits === undefined)) return undefined;
  const types = [...declaredEmitters(fleet)].filter(([, services]) => services.has(service));
  return new Set(types.map(([type]) => type));
}

function addEmitter(services: Map<string, Set<string>>, service: string, types: Iterable<string>): void {
  for (const type of types) services.set(type, (services.get(type) ?? new Set()).add(service));
}

/** An external source with the name of a service could suppress the events of that service. */
function checkSources({ workers, api, catalogue }: Fleet): void {
  const services = new Set([OPS_STORE, ...workers.map((worker) => workerDefinitionOf(worker).store), api?.store]);
  for (const [type, { outside = [] }] of Object.entries(catalogue.definitions)) {
    const service = outside.find((source) => services.has(source));
    if (service !== undefined)
      throw new FlotillaError('fleet.invalid', `${type} is allowed from outside as ${service}, which is a service`);
  }
}

function checkOptional({ workers, optional = {} }: Fleet): void {
  for (const [part, members] of Object.entries(optional)) {
    const unknown = members.find(({ name }) => workers.every((worker) => worker.name !== name))?.name;
    if (unknown === undefined) continue;
    throw new FlotillaError('fleet.invalid', `the part ${part} has the worker ${unknown}; add it to \`workers\``);
  }
}

function checkReserved({ workers, api }: Fleet): void {
  const reserved = workers.find(({ name }) => RESERVED_NAMES.has(name))?.name;
  if (reserved !== undefined)
    throw new FlotillaError('fleet.invalid', `the name ${reserved} is reserved; rename the worker`);
  for (const [store, owner] of [
    [OPS_STORE, 'the keeper'],
    [KAFKA_STORE, 'the sources of Kafka'],
  ] as const) {
    const sharer = workers.find((worker) => workerDefinitionOf(worker).store === store)?.name;
    const who = sharer ?? (api?.store === store ? 'the API' : undefined);
    if (who === undefined) continue;
    throw new FlotillaError('fleet.invalid', `the store ${store} belongs to ${owner}; name another for ${who}`);
  }
}

/** Two workers with the same saga would both send its commands. */
function checkSagas({ workers }: Fleet): void {
  const runners = new Map<string, string>();
  for (const { name: worker, sagas } of workers.map(workerDefinitionOf)) {
    for (const { name } of sagas) {
      const other = runners.get(name);
      if (other !== undefined)
        throw new FlotillaError('fleet.invalid', `${other} and ${worker} both run the saga ${name}`);
      runners.set(name, worker);
    }
  }
}

/** Two projections with the same name would share a checkpoint. */
function checkProjections({ workers }: Fleet): void {
  const keepers = new Map<string, string>();
  for (const { name: worker, projections } of workers.map(workerDefinitionOf)) {
    for (const { name } of projections) {
      const other = keepers.get(name);
      if (other !== undefined)
        throw new FlotillaError('fleet.invalid', `${other} and ${worker} both run the projection ${name}`);
      keepers.set(name, worker);
    }
  }
}

/** Two workers with the same windows would share a checkpoint in one store, or emit the same results from two. */
function checkWindows({ workers, kafka }: Fleet): void {
  const keepers = new Map<string, string>();
  const owners = [...workers.map(workerDefinitionOf), { name: KAFKA_STORE, windows: kafkaWindows({ kafka }) }];
  for (const { name: worker, windows } of owners) {
    for (const each of windows) {
      const name = `${each.name}@${each.version}`;
      const other = keepers.get(name);
      if (other !== undefined)
        throw new FlotillaError('fleet.invalid', `${other} and ${worker} both compute the windows ${name}`);
      keepers.set(name, worker);
    }
  }
}

/** A projection reads its own store. For a type that is never appended there, it would stay empty and report no lag:
 *  therefore each of its patterns must match a type of the store. */
function checkProjectedTypes({ workers, api, catalogue }: Fleet): void {
  const unknown = api?.emits?.find((type) => !(type in catalogue.definitions));
  if (unknown !== undefined) throw new FlotillaError('fleet.invalid', `the API emits the unknown type ${unknown}`);
  const definitions = workers.map(workerDefinitionOf);
  for (const { name: worker, store, projections } of definitions) {
    if (store === api?.store && api.emits === undefined) continue;
    const contained = new Set([
      ...definitions.filter((other) => other.store === store).flatMap(({ emits }) => [...emits]),
      ...(store === api?.store ? (api.emits ?? []) : []),
    ]);
    for (const { name, patterns } of projections) {
      const empty = patterns.find(
        (pattern) => !typesMatching(catalogue.definitions, pattern).some((type) => contained.has(type)),
      );
      if (empty === undefined) continue;
      const detail = `the projection ${name} of ${worker} handles ${empty}, which the store ${store} never contains`;
      const types = [...contained].sort().join(', ') || 'nothing';
      throw new FlotillaError('fleet.invalid', `${detail}, only ${types}; see \`emits\` of the workers and of the API`);
    }
  }
}

/** The events of an aggregate have one sequence: a worker that handles consecutive numbers would wait for those that it does
 *  not bind. */
function checkSequences({ workers, api }: Fleet): void {
  const definitions = workers.map(workerDefinitionOf);
  const aggregates = [...definitions.flatMap((worker) => worker.aggregates), ...(api?.aggregates ?? [])];
  for (const worker of definitions.filter(({ ordering }) => ordering?.by === 'sequence')) {
    for (const { events: types } of aggregates) {
      const bound = types.find((type) => isBound(worker, type));
      const unbound = types.find((type) => !isBound(worker, type));
      if (bound === undefined || unbound === undefined) continue;
      const detail = `${worker.name} orders by 'sequence' and handles ${bound}, but not ${unbound} of the same aggregate`;
      throw new FlotillaError('fleet.invalid', `${detail}; add a handler, or order by 'subject'`);
    }
  }
}

function checkCommands({ workers, catalogue }: Fleet): void {
  for (const [type, definition] of Object.entries(catalogue.definitions)) {
    if (definition.kind !== 'command') continue;
    const handlers = workers.filter((worker) =>
      workerDefinitionOf(worker).handlers.some(({ pattern }) => !isWildcard(pattern) && pattern === type),
    );
    if (handlers.length === 1) continue;
    const who = handlers.map(({ name }) => name).join(' and ') || 'no worker';
    throw new FlotillaError(
      'fleet.invalid',
      `the command ${type} must be handled by exactly one worker, not by ${who}`,
    );
  }
}
