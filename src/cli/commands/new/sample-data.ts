import { z } from 'zod';
import { base, type Definitions } from '../../../events/definitions.js';
import { isAmbiguous } from '../../../events/patterns.js';
import { typesMatching } from '../../../events/handler-types.js';
import { UsageError } from '../../shared/failure.js';
import { requireMatch } from '../../shared/input/type-patterns.js';

/** The used part of JSON Schema. Source: https://json-schema.org/draft/2020-12/json-schema-validation */
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

/** An example of an event that a pattern matches. */
export interface Sample {
  pattern: string;
  type: string;
  data: unknown;
}

/** Returns example data for each pattern, of the first matching event for which an example can be generated; without
 *  patterns, of the first event of the application. Throws `name.unknown` for a pattern without a match, and
 *  `UsageError` for one that a worker cannot handle or for which no example can be generated. */
export function samplesOf(definitions: Definitions, patterns: readonly string[]): Sample[] {
  requireMatch('type', patterns, Object.keys(definitions));
  requireUnambiguous(definitions, patterns);
  if (patterns.length > 0) return patterns.map((pattern) => ({ pattern, ...sampleOf(definitions, pattern) }));
  const sample = exampleOf(definitions, Object.keys(definitions).filter(isOfApplication(definitions)));
  if (sample === undefined) throw new UsageError('the catalogue has no event to begin with; name one by --on');
  return [{ pattern: sample.type, ...sample }];
}

function sampleOf(definitions: Definitions, pattern: string) {
  if (definitions[pattern]?.kind === 'command') {
    throw new UsageError(`--on: ${pattern} is a command, and has its worker already`);
  }
  const types = typesMatching(definitions, pattern);
  if (types.length === 0)
    throw new UsageError(`--on: ${pattern} matches commands alone, and each has its worker already`);
  const own = types.filter(isOfApplication(definitions));
  const sample = exampleOf(definitions, own) ?? exampleOf(definitions, types);
  if (sample === undefined) throw new UsageError(`--on: no example can be made of ${pattern}; name another type`);
  return sample;
}

/** Returns whether a type is an event of the application. */
function isOfApplication(definitions: Definitions) {
  return (type: string) => definitions[type]?.kind === 'event' && !(type in base);
}

function exampleOf(definitions: Definitions, types: readonly string[]): { type: string; data: unknown } | undefined {
  for (const type of types) {
    const definition = definitions[type];
    const schema = definition?.versions[definition.latest];
    if (schema === undefined) continue;
    const data = example(z.toJSONSchema(schema, { unrepresentable: 'any' }) as Schema);
    if (schema.safeParse(data).success) return { type, data };
  }
  return undefined;
}

function requireUnambiguous(definitions: Definitions, patterns: readonly string[]): void {
  for (const [index, left] of patterns.entries()) {
    for (const right of patterns.slice(0, index)) {
      const both = typesMatching(definitions, left).find((type) => typesMatching(definitions, right).includes(type));
      if (both !== undefined && isAmbiguous(left, right)) {
        throw new UsageError(`--on: ${both} matches ${right} and ${left}, and neither is more specific`);
      }
    }
  }
}

const FORMATS: Record<string, string> = {
  uuid: '6f9619ff-8b86-4011-b42d-00c04fc964ff',
  email: 'ada@example.org',
  uri: 'https://example.org/',
  'date-time': '2026-01-31T08:00:00Z',
  date: '2026-01-31',
};

/** Common short texts: words, codes of currencies, countries and languages, numbers. */
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
