import { z } from 'zod';
import type { MessageDefinition } from '../events/definition.js';
import { isPersonal } from '../events/personal.js';
import { matches } from '../events/patterns.js';
import { fieldSteps, schemaFields, type SchemaField } from '../events/schema-fields.js';
import { readerName } from '../worker/definition/types-read.js';
import { workerDefinitionOf } from '../worker/definition/worker-definition.js';
import { declaredEmitters, type Fleet } from './define-fleet.js';

/** A message type of a fleet. */
export interface DescribedType {
  type: string;
  kind: 'event' | 'command';
  /** The latest version of its schema. */
  version: number;
  /** The services that declare to emit it. */
  emittedBy: string[];
  /** The workers that handle it; those that request versions with the versions: `audit@1`. */
  handledBy: string[];
  /** The external sources that may publish it without a signature. */
  outside: readonly string[];
  /** The fields of its data, for the latest version. */
  fields: DescribedField[];
}

export interface DescribedField extends SchemaField {
  /** Personal data: commands mask it, logs never contain it. */
  pii: boolean;
}

/** The types of a fleet whose names match a topic pattern, sorted by name. */
export function describeTypes(fleet: Fleet, pattern = '#'): DescribedType[] {
  const workers = fleet.workers.map(workerDefinitionOf);
  const emitters = declaredEmitters(fleet);
  return Object.entries(fleet.catalogue.definitions)
    .filter(([type]) => matches(pattern, type))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([type, definition]) => ({
      type,
      kind: definition.kind,
      version: definition.latest,
      emittedBy: [...(emitters.get(type) ?? [])].sort(),
      handledBy: workers.filter(({ handlerOf }) => handlerOf.has(type)).map((worker) => readerName(worker, type)),
      outside: definition.outside ?? [],
      fields: fieldsOf(definition),
    }));
}

function fieldsOf({ versions, latest, pii }: MessageDefinition): DescribedField[] {
  const schema = versions[latest];
  if (schema === undefined) return [];
  const json = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return schemaFields(json).map((field) => ({ ...field, pii: isPersonal(fieldSteps(field.path), pii) }));
}
