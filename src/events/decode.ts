import { z } from 'zod';
import { errorOf, FlotillaError } from '../errors.js';
import type { EventEnvelope } from './envelope.js';
import { describeIssues } from './create.js';
import type { MessageDefinition } from './definition.js';
import { dataschemaOf, definitionOf, versionOf, type Definitions } from './definitions.js';
import { parseEnvelope, type EncodedEvent } from './parse-envelope.js';
import { piiPaths } from './personal.js';
import { readAs, type RequestedVersions } from './read-as.js';

/** Decodes a message as an event of this catalogue. Checks its data against the schema of its own version, ignoring
 *  unknown fields, and upcasts it to a requested version or the latest. Throws a `contract.*` error that names the
 *  problem. */
export function decodeEvent(
  definitions: Definitions,
  message: EncodedEvent,
  requested?: RequestedVersions,
): EventEnvelope {
  return upcast(definitions, parseEnvelope(message), requested);
}

/** Returns the event with its data checked, in the version in which its reader receives it: a requested one, or the
 *  latest of its type. `dataschema` names that version. An event of a newer version is read as the newest requested one
 *  if it declares so by `readablefrom`; its other fields are kept and not checked. Throws `contract.newer_version` if it
 *  does not, and `contract.retired_version`. */
export function upcast(definitions: Definitions, event: EventEnvelope, requested?: RequestedVersions): EventEnvelope {
  const definition = definitionOf(definitions, event.type);
  if (definition === undefined)
    throw new FlotillaError('contract.unknown_type', JSON.stringify(event.type.slice(0, 100)));
  const written = schemaVersion(event, definition);
  const versions = requested?.get(event.type);
  const isOrdinary = versions === undefined && event.readablefrom === undefined && written <= definition.latest;
  const version = isOrdinary ? definition.latest : versionToRead(event, written, definition, versions);
  const checked = Math.min(written, version);
  const schema = definition.versions[checked];
  if (schema === undefined) {
    throw new FlotillaError('contract.retired_version', `${event.type} ${written}, known from ${definition.first}`);
  }
  const result = loose(schema).safeParse(event.data);
  if (!result.success) {
    const found = describeIssues(result.error.issues, piiPaths(schema));
    throw new FlotillaError('contract.invalid_data', `${event.type}: ${found}`);
  }
  if (version === written && event.dataschema !== '') return event;
  const data = checked < version ? upcastData(definition, event.data, written, version) : event.data;
  const read = { ...event, dataschema: dataschemaOf(event.type, version), data };
  // it is about the version in which the event was written
  if (read.readablefrom !== undefined) delete read.readablefrom;
  return read;
}

/** The version in which an event is read. Throws `contract.newer_version`. */
function versionToRead(
  event: EventEnvelope,
  written: number,
  { latest, readableFrom }: MessageDefinition,
  requested: readonly number[] | undefined,
): number {
  const declared = readableFromOf(event, written);
  const version = readAs(written, requested ?? [latest], declared ?? readableFrom[written]);
  if (version !== undefined) return version;
  const limit = requested === undefined ? `known up to ${latest}` : `requested up to ${Math.max(...requested)}`;
  throw new FlotillaError('contract.newer_version', `${event.type} ${written}, ${limit}`);
}

/** The version that the event declares by `readablefrom`. Throws `contract.not_an_event` unless it is an earlier one. */
function readableFromOf({ readablefrom }: EventEnvelope, written: number): number | undefined {
  if (readablefrom === undefined) return undefined;
  const version = Number(readablefrom);
  if (version < written) return version;
  throw new FlotillaError('contract.not_an_event', `readablefrom: ${readablefrom} is not before version ${written}`);
}

/** Returns the data of version `from` in the form of version `to`. Throws the error of an upcaster. */
export function upcastData({ upcasters }: MessageDefinition, data: unknown, from: number, to: number): unknown {
  try {
    let upcasted = data;
    for (let version = from; version < to; version++) upcasted = upcasters[version]?.(upcasted as never);
    return upcasted;
  } catch (error) {
    throw errorOf(error);
  }
}

/** Returns the schema version of an event. An absent `dataschema` is accepted only for a type with a single version;
 *  with several versions, the data could have any of them. */
function schemaVersion({ type, dataschema }: EventEnvelope, { latest }: MessageDefinition): number {
  if (dataschema === '' && latest === 1) return 1;
  const version = versionOf(type, dataschema);
  if (version !== undefined) return version;
  const expected = `${dataschemaOf(type, latest).replace(/\d+$/, '')}<version>`;
  if (dataschema === '') {
    throw new FlotillaError(
      'contract.not_an_event',
      `dataschema: missing; ${type} has ${latest} versions, send ${expected}`,
    );
  }
  throw new FlotillaError(
    'contract.not_an_event',
    `dataschema: ${JSON.stringify(dataschema.slice(0, 100))} is not ${expected}`,
  );
}

const looseCache = new WeakMap<z.ZodType, z.ZodType>();

/** Returns the schema with strict objects opened at any depth: consumers ignore unknown fields. */
export function loose(schema: z.ZodType): z.ZodType {
  const cached = looseCache.get(schema);
  if (cached !== undefined) return cached;
  const opened = open(schema);
  looseCache.set(schema, opened);
  return opened;
}

function open(schema: z.ZodType): z.ZodType {
  if (schema instanceof z.ZodObject) {
    const shape = Object.fromEntries(
      Object.entries(schema.shape as Record<string, z.ZodType>).map(([key, field]) => [key, open(field)]),
    );
    return schema.clone({ ...schema.def, shape, catchall: z.unknown() });
  }
  if (schema instanceof z.ZodArray) return schema.clone({ ...schema.def, element: open(schema.element as z.ZodType) });
  if (schema instanceof z.ZodRecord) {
    return schema.clone({ ...schema.def, valueType: open(schema.valueType as z.ZodType) });
  }
  if (schema instanceof z.ZodTuple) {
    const { items, rest } = schema.def;
    return schema.clone({
      ...schema.def,
      items: items.map((item) => open(item as z.ZodType)),
      rest: rest === null ? null : open(rest as z.ZodType),
    });
  }
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable) {
    return schema.clone({ ...schema.def, innerType: open(schema.unwrap() as z.ZodType) } as never);
  }
  if (schema instanceof z.ZodUnion) {
    const options = (schema.options as readonly z.ZodType[]).map(open);
    return schema.clone({ ...schema.def, options });
  }
  return schema;
}
