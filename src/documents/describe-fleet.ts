import type { ApiInfo } from '../api/openapi/document.js';
import { exampleData } from '../contracts/example-data.js';
import { publishedSchema } from '../contracts/published-schema.js';
import type { CommittedSamples } from '../contracts/samples.js';
import type { Json } from '../contracts/shape.js';
import { LIFECYCLE_EVENTS } from '../dead-letters/lifecycle-events.js';
import type { MessageKind } from '../events/definition.js';
import { upcastData } from '../events/decode.js';
import { dataschemaOf } from '../events/definitions.js';
import type { JsonSchema } from '../events/schema-fields.js';
import { declaredEmitters, emittersOf, type Fleet } from '../fleet/define-fleet.js';
import { readersOf, readersOfVersion, type VersionReader } from '../fleet/readers.js';
import { OPS_STORE } from '../fleet/reserved-names.js';
import { workerDefinitionOf } from '../worker/definition/worker-definition.js';

/** One version of a message type. */
export interface DescribedVersion {
  version: number;
  /** The `dataschema` on the wire, and the `$id` of the schema. */
  dataschema: string;
  /** The oldest version whose readers may read this one, if it declares one. */
  readableFrom: number | undefined;
  readers: readonly VersionReader[];
  schema: JsonSchema;
  /** Data without personal values, with their form in the newest version. */
  examples: readonly { data: Json; newest: Json }[];
}

export interface DescribedMessage {
  type: string;
  kind: MessageKind;
  /** Oldest first. */
  versions: readonly DescribedVersion[];
  /** The services that declare to emit its newest version. */
  emittedBy: readonly string[];
  /** The sources outside the fleet that may publish it without a signature. */
  outside: readonly string[];
  /** A service as which the fleet accepts it; undefined: any. */
  source: string | undefined;
  /** The workers that handle it, with the versions that they request, and the projections that it updates. */
  readers: readonly string[];
}

/** A process that sends messages, or receives them from the broker. */
export interface DescribedProcess {
  name: string;
  /** The queue of a worker, its routing keys and the types that it handles. `readsAll`: a consumer of the stream itself,
   *  which has no handlers. */
  receives?: { from: 'queue' | 'log'; patterns: readonly string[]; types: readonly string[]; readsAll: boolean };
  /** The types that it declares to emit. */
  emits: readonly string[];
}

/** What the documents of a fleet describe. */
export interface FleetDescription {
  info: ApiInfo;
  /** The prefix of every name in the broker. */
  prefix: string;
  /** Sorted by type. */
  messages: readonly DescribedMessage[];
  processes: readonly DescribedProcess[];
}

export function describeFleet(
  fleet: Fleet,
  { info, prefix, samples }: { info: ApiInfo; prefix: string; samples: readonly CommittedSamples[] },
): FleetDescription {
  const emitters = declaredEmitters(fleet);
  const accepted = emittersOf(fleet);
  const messages = Object.entries(fleet.catalogue.definitions)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([type, definition]) => ({
      type,
      kind: definition.kind,
      versions: Object.keys(definition.versions).map((key) => describeVersion(fleet, type, Number(key), samples)),
      emittedBy: [...(emitters.get(type) ?? [])].sort(),
      outside: definition.outside ?? [],
      source: serviceIn(accepted.get(type)),
      readers: readersOf(fleet, type),
    }));
  return { info, prefix, messages, processes: describeProcesses(fleet) };
}

/** The keeper may send any type, but is the usual source of its own only. */
function serviceIn(services: ReadonlySet<string> = new Set()): string | undefined {
  return [...services].find((service) => service !== OPS_STORE) ?? [...services][0];
}

function describeVersion(
  fleet: Fleet,
  type: string,
  version: number,
  samples: readonly CommittedSamples[],
): DescribedVersion {
  const definition = fleet.catalogue.definitions[type];
  if (definition === undefined) throw new Error(`The catalogue has no type ${type}`);
  return {
    version,
    dataschema: dataschemaOf(type, version),
    readableFrom: definition.readableFrom[version],
    readers: readersOfVersion(fleet, type, version),
    schema: publishedSchema(type, version, definition),
    examples: exampleData(type, version, definition, samples).map((data) => ({
      data,
      newest: upcastData(definition, data, version, definition.latest) as Json,
    })),
  };
}

function describeProcesses({ workers, api }: Fleet): DescribedProcess[] {
  const ofWorkers = workers
    .map(workerDefinitionOf)
    .map(({ name, from, handlers, handlerOf, emits, consumeStream }) => ({
      name,
      ...((handlers.length > 0 || consumeStream !== undefined) && {
        receives: {
          from,
          patterns: consumeStream === undefined ? [...new Set(handlers.map(({ pattern }) => pattern))] : ['#'],
          types: [...handlerOf.keys()].sort(),
          readsAll: consumeStream !== undefined,
        },
      }),
      emits: [...emits].sort(),
    }));
  return [
    ...(api === undefined ? [] : [{ name: 'api', emits: [...(api.emits ?? [])].sort() }]),
    ...ofWorkers,
    { name: 'keeper', emits: [...LIFECYCLE_EVENTS].sort() },
  ];
}
