import { z } from 'zod';
import { FlotillaError } from '../errors.js';
import { event, type MessageDefinition, type MessageKind } from './definition.js';
import { refusalOf } from './refused-schemas.js';
import { sagaEvents } from './saga-events.js';

/** The message types of a fleet, by name. */
export type Definitions = Readonly<Record<string, MessageDefinition>>;

/** The data type of a message type, in its latest version. */
export type DataOf<D extends Definitions, T extends keyof D> =
  D[T] extends MessageDefinition<infer Data> ? Data : never;

const NAME = /^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*){1,2}$/;
const deadLetter = {
  deadLetterId: z.uuid(),
  worker: z.string(),
  eventId: z.string().nullable(),
  type: z.string().nullable(),
  kind: z.enum(['event', 'command']).nullable(),
  code: z.string(),
};

/** The fleet's own events; part of every catalogue. */
export const base = {
  'message.dead_lettered': event({ 1: z.strictObject({ ...deadLetter, message: z.string() }) }),
  'message.replayed': event({ 1: z.strictObject(deadLetter) }),
  'message.discarded': event({ 1: z.strictObject({ ...deadLetter, reason: z.string() }) }),
  ...sagaEvents,
} as const satisfies Definitions;

export type BaseDefinitions = typeof base;

/** Whether a text is a valid name of a type: `order.created`. */
export function isTypeName(text: string): boolean {
  return NAME.test(text);
}

/** Joins definitions. Rejects invalid and duplicate names, and schemas that change data. */
export function joinDefinitions(...all: Definitions[]): Definitions {
  const joined: Record<string, MessageDefinition> = {};
  for (const definitions of all) {
    for (const [type, definition] of Object.entries(definitions)) {
      if (!isTypeName(type)) throw new FlotillaError('contract.bad_type_name', type);
      if (type in joined) throw new FlotillaError('contract.duplicate_type', type);
      for (const [version, schema] of Object.entries(definition.versions)) {
        const refusal = refusalOf(schema);
        if (refusal !== undefined) throw new FlotillaError('contract.bad_schema', `${type} ${version}: ${refusal}`);
      }
      joined[type] = definition;
    }
  }
  return joined;
}

/** Returns the `dataschema` of a version: `urn:flotilla:order.created:2`. */
export function dataschemaOf(type: string, version: number): string {
  return `urn:flotilla:${type}:${version}`;
}

/** Returns the version in a `dataschema`; undefined if the `dataschema` is foreign. */
export function versionOf(type: string, dataschema: string): number | undefined {
  const prefix = `urn:flotilla:${type}:`;
  if (!dataschema.startsWith(prefix)) return undefined;
  const version = Number(dataschema.slice(prefix.length));
  return Number.isSafeInteger(version) && version >= 1 ? version : undefined;
}

/** Looks up a type that may come from an external message: names such as `constructor` must not match. */
export function definitionOf(definitions: Definitions, type: string): MessageDefinition | undefined {
  return Object.hasOwn(definitions, type) ? definitions[type] : undefined;
}

/** Whether the external source may publish this type without a signature. */
export function isOpenTo(definitions: Definitions, type: string, source: string): boolean {
  return definitionOf(definitions, type)?.outside?.includes(source) === true;
}

/** Returns the kind of a type; undefined if the catalogue does not have the type. */
export function kindOf(definitions: Definitions, type: string): MessageKind | undefined {
  return definitionOf(definitions, type)?.kind;
}
