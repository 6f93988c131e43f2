import { z } from 'zod';
import type { Definitions } from '../../events/definitions.js';
import { unknownName } from '../../known-names.js';
import { UsageError } from '../failure.js';

/** What is used of JSON Schema. Source: https://json-schema.org/draft/2020-12/json-schema-validation */
interface Schema {
  type?: string;
  const?: unknown;
  enum?: unknown[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
  format?: string;
  pattern?: string;
  minLength?: number;
  minimum?: number;
  exclusiveMinimum?: number;
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
}

export interface Sample {
  type: string;
  data: unknown;
}

/** Example data of an event type: of the one that is asked for, or of the first event of the catalogue of which an
 *  example can be made. Throws `UsageError` when there is none. */
export function sampleOf(definitions: Definitions, type?: string): Sample {
  if (type !== undefined && definitions[type] === undefined) {
    throw unknownName('type', type, Object.keys(definitions));
  }
  if (type !== undefined && definitions[type]?.kind === 'command') {
    throw new UsageError(`--on: ${type} is a command, and has its worker already`);
  }
  const candidates =
    type === undefined
      ? Object.keys(definitions).filter((name) => definitions[name]?.kind === 'event' && !name.startsWith('message.'))
      : [type];
  for (const candidate of candidates) {
    const definition = definitions[candidate];
    const schema = definition?.versions[definition.latest];
    if (schema === undefined) continue;
    const data = example(z.toJSONSchema(schema, { unrepresentable: 'any' }) as Schema);
    if (schema.safeParse(data).success) return { type: candidate, data };
  }
  throw new UsageError(
    `no example can be made of ${candidates.join(', ') || 'an empty catalogue'}; name a type by --on`,
  );
}

const FORMATS: Record<string, string> = {
  uuid: '6f9619ff-8b86-4011-b42d-00c04fc964ff',
  email: 'ada@example.org',
  uri: 'https://example.org/',
  'date-time': '2026-01-31T08:00:00Z',
  date: '2026-01-31',
};

/** What short texts are often like: words, codes of currencies, countries and languages, numbers. */
const TEXTS = ['text', 'USD', 'DE', 'en', '12345', 'a', 'A', '1'];

function example(schema: Schema): unknown {
  if (schema.const !== undefined) return schema.const;
  if (schema.enum !== undefined) return schema.enum[0];
  const [choice] = schema.anyOf ?? schema.oneOf ?? [];
  if (choice !== undefined) return example(choice);
  switch (schema.type) {
    case 'string':
      return text(schema);
    case 'integer':
    case 'number':
      return Math.max(1, schema.minimum ?? 1, (schema.exclusiveMinimum ?? 0) + 1);
    case 'boolean':
      return true;
    case 'array':
      return schema.items === undefined ? [] : [example(schema.items)];
    case 'object':
      return Object.fromEntries(
        (schema.required ?? []).map((name) => [name, example(schema.properties?.[name] ?? {})]),
      );
    case undefined:
    default:
      return null;
  }
}

function text({ format = '', minLength = 0, pattern, allOf = [] }: Schema): string {
  const patterns = [pattern, ...allOf.map((part) => part.pattern)].filter((part) => part !== undefined);
  const candidates = [...TEXTS.map((word) => word.padEnd(minLength, 'x')), ...Object.values(FORMATS)];
  const fitting = candidates.find((word) => patterns.every((part) => new RegExp(part, 'u').test(word)));
  return FORMATS[format] ?? fitting ?? '';
}
