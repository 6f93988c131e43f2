/** A JSON Schema as produced by `z.toJSONSchema`. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** A field of a schema. */
export interface SchemaField {
  /** Dotted; `[]` matches any element of an array, `*` any key of a record. Empty for the value itself. */
  path: string;
  /** For example `string`, `integer, 1 to 100` or `"a" | "b"`. */
  type: string;
  required: boolean;
  /** Empty if the schema has none. */
  description: string;
}

/** Resolves a `$ref`. */
export type Resolve = (ref: string) => JsonSchema;

/** Deeper fields are omitted: a schema may contain itself. */
const MAX_DEPTH = 8;
const MAX_DEPTH_OF_TYPE = 3;

/** Lists the fields of a schema; nested fields follow the field that contains them. */
export function schemaFields(schema: JsonSchema, resolve: Resolve = within(schema)): SchemaField[] {
  const fields = children(schema, '', resolve, 0);
  return fields.length > 0 ? fields : [{ path: '', type: typeText(schema, resolve), required: true, description: '' }];
}

/** The path of a field as steps, as in the paths of personal fields: `lines[].sku` becomes `lines`, `*`, `sku`. */
export function fieldSteps(path: string): string[] {
  return path === '' ? [] : path.replaceAll('[]', '.*').split('.');
}

function within(root: JsonSchema): Resolve {
  return (ref) => {
    const steps = ref.replace(/^#\/?/, '').split('/');
    return steps.reduce<JsonSchema>((at, step) => (step === '' ? at : asSchema(at[step])), root);
  };
}

function children(given: JsonSchema, prefix: string, resolve: Resolve, depth: number): SchemaField[] {
  if (depth === MAX_DEPTH) return [];
  const schema = resolved(given, resolve);
  const below = (inner: unknown, suffix: string) => children(asSchema(inner), `${prefix}${suffix}`, resolve, depth + 1);
  const required = Array.isArray(schema.required) ? schema.required : [];
  const ofProperties = Object.entries(asSchema(schema.properties)).flatMap(([name, value]) => {
    const path = prefix === '' ? name : `${prefix}.${name}`;
    const field = resolved(asSchema(value), resolve);
    const description = textOf(asSchema(value).description) ?? textOf(field.description) ?? '';
    const row = { path, type: typeText(field, resolve), required: required.includes(name), description };
    return [row, ...children(field, path, resolve, depth + 1)];
  });
  const ofParts = [...parts(schema, 'allOf'), ...parts(schema, 'anyOf'), ...parts(schema, 'oneOf')].flatMap((part) =>
    below(part, ''),
  );
  return [
    ...ofProperties,
    ...ofParts.filter(({ path }, index) => ofParts.findIndex((other) => other.path === path) === index),
    ...(schema.items === undefined ? [] : below(schema.items, '[]')),
    ...(typeof schema.additionalProperties === 'object'
      ? below(schema.additionalProperties, prefix === '' ? '*' : '.*')
      : []),
  ];
}

/** Describes the type of a value and its bounds, in one line. */
export function typeText(given: JsonSchema, resolve: Resolve = within(given), depth = 0): string {
  if (depth === MAX_DEPTH_OF_TYPE) return 'any';
  const schema = resolved(given, resolve);
  const inner = (part: JsonSchema) => typeText(part, resolve, depth + 1);
  if ('const' in schema) return JSON.stringify(schema.const);
  if (Array.isArray(schema.enum)) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  const options = [...parts(schema, 'anyOf'), ...parts(schema, 'oneOf')];
  if (options.length > 0) return [...new Set(options.map(inner))].join(' | ');
  if (schema.items !== undefined) return `array of ${inner(asSchema(schema.items))}${bounds(schema)}`;
  const types = (Array.isArray(schema.type) ? schema.type : [schema.type ?? 'any']).map(String);
  return `${types.join(' | ')}${bounds(schema)}`;
}

function bounds(schema: JsonSchema): string {
  const { format, pattern } = schema;
  const range =
    span(schema.minimum ?? schema.exclusiveMinimum, schema.maximum ?? schema.exclusiveMaximum, '') ??
    span(schema.minLength, schema.maxLength, ' characters') ??
    span(schema.minItems, schema.maxItems, ' elements');
  const shape = typeof format === 'string' ? format : typeof pattern === 'string' ? `matches ${pattern}` : undefined;
  return [shape, range].map((part) => (part === undefined ? '' : `, ${part}`)).join('');
}

/** zod adds the bounds of safe integers to schemas without bounds; these do not count. */
const isBound = (bound: unknown): bound is number =>
  typeof bound === 'number' && Math.abs(bound) !== Number.MAX_SAFE_INTEGER;

function span(least: unknown, most: unknown, unit: string): string | undefined {
  if (isBound(least) && isBound(most)) return least === most ? `${least}${unit}` : `${least} to ${most}${unit}`;
  if (isBound(least)) return `at least ${least}${unit}`;
  return isBound(most) ? `at most ${most}${unit}` : undefined;
}

function parts(schema: JsonSchema, keyword: string): JsonSchema[] {
  const value = schema[keyword];
  return Array.isArray(value) ? value.map(asSchema) : [];
}

function resolved(schema: JsonSchema, resolve: Resolve): JsonSchema {
  return typeof schema.$ref === 'string' ? resolve(schema.$ref) : schema;
}

function asSchema(value: unknown): JsonSchema {
  return typeof value === 'object' && value !== null ? (value as JsonSchema) : {};
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
