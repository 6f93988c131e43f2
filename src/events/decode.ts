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
 *  unknown fields, and upcasts it to the latest version. Throws a `contract.*` error that names the problem. */
export function decodeEvent(definitions: Definitions, message: EncodedEvent): EventEnvelope {
  return upcast(definitions, parseEnvelope(message));
}

/** Returns the event with its data checked, in the version in which its reader receives it: a requested one, or the
 *  latest of its type. `dataschema` names that version. Throws `contract.newer_version` for an event that is newer than
 *  all of them, and `contract.retired_version`. */
export function upcast(definitions: Definitions, event: EventEnvelope, requested?: RequestedVersions): EventEnvelope {
  const definition = definitionOf(definitions, event.type);
  if (definition === undefined)
    throw new FlotillaError('contract.unknown_type', JSON.stringify(event.type.slice(0, 100)));
  const written = schemaVersion(event, definition);
  const versions = requested?.get(event.type);
  const isLatest = written === definition.latest && versions === undefined;
  const version = isLatest ? written : versionToRead(event, written, definition, versions);
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
  const dataschema = dataschemaOf(event.type, version);
  if (checked === version) return { ...event, dataschema };
  return { ...event, dataschema, data: upcastData(definition, event.data, written, version) };
}

/** The version in which an event is read. Throws `contract.newer_version`. */
function versionToRead(
  { type }: EventEnvelope,
  written: number,
  { latest }: MessageDefinition,
  requested: readonly number[] | undefined,
): number {
  const version = readAs(written, requested ?? [latest]);
  if (version !== undefined) return version;
  const limit = requested === undefined ? `known up to ${latest}` : `requested up to ${Math.max(...requested)}`;
  throw new FlotillaError('contract.newer_version', `${type} ${written}, ${limit}`);
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
function loose(schema: z.ZodType): z.ZodType {
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
