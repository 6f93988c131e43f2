import type { JsonSchema } from '../../events/schema-fields.js';

const SCHEMA_KEYWORDS = new Set([
  'items',
  'additionalItems',
  'additionalProperties',
  'propertyNames',
  'contains',
  'not',
]);
const LIST_KEYWORDS = new Set(['anyOf', 'oneOf', 'allOf', 'prefixItems']);
const MAP_KEYWORDS = new Set(['properties', 'patternProperties', '$defs']);

/** Converts a published schema (JSON Schema 2020-12) to a schema of AsyncAPI, which extends draft 7: tuples and definitions
 *  have other keywords there. `at` is its place in the document, to which its references then lead. The document resolves
 *  references by place, so that a schema in it has no `$id`. */
export function asyncApiSchema({ $schema: _dialect, $id: _id, ...schema }: JsonSchema, at: string): JsonSchema {
  return convert(schema, at) as JsonSchema;
}

function convert(node: unknown, at: string): unknown {
  if (typeof node !== 'object' || node === null) return node;
  const isTuple = 'prefixItems' in node;
  const converted = Object.entries(node).map(([key, value]: [string, unknown]): [string, unknown] => {
    if (key === '$ref') return [key, movedReference(String(value), at)];
    if (SCHEMA_KEYWORDS.has(key)) return [isTuple && key === 'items' ? 'additionalItems' : key, convert(value, at)];
    if (LIST_KEYWORDS.has(key)) {
      return [key === 'prefixItems' ? 'items' : key, (value as unknown[]).map((each) => convert(each, at))];
    }
    if (!MAP_KEYWORDS.has(key)) return [key, value];
    const entries = Object.entries(value as object).map(([name, each]) => [name, convert(each, at)]);
    return [key === '$defs' ? 'definitions' : key, Object.fromEntries(entries)];
  });
  return Object.fromEntries(converted);
}

function movedReference(reference: string, at: string): string {
  return reference.replace(/^#(?=\/|$)/, at).replace(`${at}/$defs/`, `${at}/definitions/`);
}
