import { z } from 'zod';
import { FlotillaError } from '../errors.js';
import { event, type MessageDefinition, type MessageKind } from './definition.js';
import { sagaEvents } from './saga-events.js';

/** The types of a fleet, by name. */
export type Definitions = Readonly<Record<string, MessageDefinition>>;

/** The data of a type. */
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

/** What the fleet itself has to say; part of every catalogue. */
export const base = {
  'message.dead_lettered': event({ 1: z.strictObject({ ...deadLetter, message: z.string() }) }),
  'message.replayed': event({ 1: z.strictObject(deadLetter) }),
  'message.discarded': event({ 1: z.strictObject({ ...deadLetter, reason: z.string() }) }),
  ...sagaEvents,
} as const satisfies Definitions;

export type BaseDefinitions = typeof base;

/** Joins definitions, refusing names that are not names and names that are there already. */
export function joinDefinitions(...all: Definitions[]): Definitions {
  const joined: Record<string, MessageDefinition> = {};
  for (const definitions of all) {
    for (const [type, definition] of Object.entries(definitions)) {
      if (!NAME.test(type)) throw new FlotillaError('contract.bad_type_name', type);
      if (type in joined) throw new FlotillaError('contract.duplicate_type', type);
      joined[type] = definition;
    }
  }
  return joined;
}

/** `urn:flotilla:order.created:2` */
export function dataschemaOf(type: string, version: number): string {
  return `urn:flotilla:${type}:${version}`;
}

/** The version in a dataschema; undefined where it is none of ours. */
export function versionOf(type: string, dataschema: string): number | undefined {
  const prefix = `urn:flotilla:${type}:`;
  if (!dataschema.startsWith(prefix)) return undefined;
  const version = Number(dataschema.slice(prefix.length));
  return Number.isSafeInteger(version) && version >= 1 ? version : undefined;
}

/** The definition of a type that may come from outside: `constructor` is a name as any other. */
export function definitionOf(definitions: Definitions, type: string): MessageDefinition | undefined {
  return Object.hasOwn(definitions, type) ? definitions[type] : undefined;
}

/** Whether the type may come from this source outside the fleet, without a signature. */
export function isOpenTo(definitions: Definitions, type: string, source: string): boolean {
  return definitionOf(definitions, type)?.outside?.includes(source) === true;
}

/** Whether a type asks (`command`) or states (`event`); undefined for a type the catalogue doesn't have. */
export function kindOf(definitions: Definitions, type: string): MessageKind | undefined {
  return definitionOf(definitions, type)?.kind;
}
