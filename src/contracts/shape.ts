import type { JsonSchema } from '../events/schema-fields.js';

/** A JSON value. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** A schema within its document, to which its references lead. `true` accepts every value, `false` none. */
export interface SchemaNode {
  readonly schema: JsonSchema | boolean;
  readonly root: JsonSchema;
}

/** The values that a schema accepts: everything, or literals and values of these parts. */
export interface Shape {
  any: boolean;
  literals: readonly Json[];
  parts: readonly Part[];
}

export interface StringPart {
  kind: 'string';
  minLength: number;
  maxLength: number;
  format: string | undefined;
  /** Regular expressions that do not follow from the format. */
  patterns: readonly string[];
  other: string;
}

export interface Bound {
  value: number;
  exclusive: boolean;
}

export interface NumberPart {
  kind: 'number';
  integer: boolean;
  lower: Bound | undefined;
  upper: Bound | undefined;
  multipleOf: number | undefined;
  other: string;
}

export interface ArrayPart {
  kind: 'array';
  /** The elements of a tuple. */
  first: readonly SchemaNode[];
  /** All other elements; undefined if there are none. */
  rest: SchemaNode | undefined;
  minItems: number;
  maxItems: number;
  other: string;
}

export interface ObjectPart {
  kind: 'object';
  fields: ReadonlyMap<string, SchemaNode>;
  required: ReadonlySet<string>;
  /** The values of all other fields; undefined if the object has none. */
  others: SchemaNode | undefined;
  /** Whether a reader ignores fields that are not declared, and does not refuse them. Every reader of a message does. */
  ignoresOthers: boolean;
  /** The names of the other fields. */
  names: SchemaNode | undefined;
  other: string;
}

export type Part = { kind: 'null' } | { kind: 'boolean' } | StringPart | NumberPart | ArrayPart | ObjectPart;

/** Keywords that do not change which values are accepted. */
const ANNOTATIONS = new Set([
  '$schema',
  '$id',
  '$defs',
  '$comment',
  'title',
  'description',
  'examples',
  'deprecated',
  'readOnly',
  'writeOnly',
  // OpenAPI; whether the members differ is compared by their constants
  'discriminator',
  // compared by itself
  'default',
]);

const KEYWORDS: Readonly<Record<string, readonly string[]>> = {
  string: ['minLength', 'maxLength', 'format', 'pattern', 'allOf'],
  number: ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'],
  array: ['prefixItems', 'items', 'minItems', 'maxItems'],
  object: ['properties', 'required', 'additionalProperties', 'propertyNames'],
};

/** A reference may lead to a reference. */
const MAX_REFERENCES = 16;

/** Returns the node to which the references of a node lead. */
export function resolved({ schema, root }: SchemaNode): SchemaNode {
  let at: unknown = schema;
  for (let steps = 0; steps < MAX_REFERENCES; steps++) {
    const ref: unknown = isObject(at) ? at['$ref'] : undefined;
    if (typeof ref !== 'string') return { schema: asSchema(at), root };
    at = ref
      .replace(/^#\/?/, '')
      .split('/')
      .reduce<unknown>((inner, step) => (step === '' ? inner : isObject(inner) ? inner[step] : undefined), root);
  }
  return { schema: true, root };
}

/** Returns the values that a schema accepts. */
export function shapeOf(node: SchemaNode): Shape {
  const { schema, root } = resolved(node);
  if (schema === true) return ANY;
  if (schema === false) return NONE;
  const within = (inner: unknown): SchemaNode => ({ schema: asSchema(inner), root });
  const options = schema['anyOf'] ?? schema['oneOf'];
  if (Array.isArray(options)) return united(options.map((option) => shapeOf(within(option))));
  if ('const' in schema) return literals([schema['const'] as Json]);
  if (Array.isArray(schema['enum'])) return literals(schema['enum'] as Json[]);
  if (schema['type'] === undefined) {
    const constrained = Object.keys(schema).some((key) => !isAnnotation(key));
    if (!constrained) return ANY;
    const never = isObject(schema['not']) && Object.keys(schema['not']).length === 0;
    return never ? NONE : { any: false, literals: [], parts: [objectPart(schema, within)] };
  }
  const types = Array.isArray(schema['type']) ? (schema['type'] as unknown[]) : [schema['type']];
  return { any: false, literals: [], parts: types.map((type) => partOf(String(type), schema, within)) };
}

const ANY: Shape = { any: true, literals: [], parts: [] };
const NONE: Shape = { any: false, literals: [], parts: [] };

function united(shapes: readonly Shape[]): Shape {
  if (shapes.some(({ any }) => any)) return ANY;
  return {
    any: false,
    literals: unique(shapes.flatMap((shape) => shape.literals)),
    parts: shapes.flatMap(({ parts }) => parts).filter(isFirstOfItsKind),
  };
}

/** Members of a union without constraints are listed once. */
function isFirstOfItsKind({ kind }: Part, index: number, all: readonly Part[]): boolean {
  return (kind !== 'null' && kind !== 'boolean') || all.findIndex((other) => other.kind === kind) === index;
}

/** `null` is a type of its own, in whichever way the schema writes it. */
function literals(values: readonly Json[]): Shape {
  const scalars = values.filter((value) => value !== null);
  return { any: false, literals: unique(scalars), parts: scalars.length < values.length ? [{ kind: 'null' }] : [] };
}

function unique(values: readonly Json[]): Json[] {
  return [...new Map(values.map((value) => [JSON.stringify(value), value])).values()];
}

function partOf(type: string, schema: JsonSchema, within: (inner: unknown) => SchemaNode): Part {
  switch (type) {
    case 'null':
      return { kind: 'null' };
    case 'boolean':
      return { kind: 'boolean' };
    case 'string':
      return stringPart(schema);
    case 'integer':
    case 'number':
      return {
        kind: 'number',
        integer: type === 'integer',
        lower: boundOf(schema['minimum'], schema['exclusiveMinimum'], Math.max),
        upper: boundOf(schema['maximum'], schema['exclusiveMaximum'], Math.min),
        multipleOf: numberOf(schema['multipleOf']),
        other: otherKeywords(schema, 'number'),
      };
    case 'array':
      return arrayPart(schema, within);
    default:
      return objectPart(schema, within);
  }
}

function stringPart(schema: JsonSchema): StringPart {
  const format = typeof schema['format'] === 'string' ? schema['format'] : undefined;
  const all = Array.isArray(schema['allOf']) ? schema['allOf'] : [];
  // the pattern beside a format follows from it, and differs between versions of zod
  const own = format === undefined ? [schema['pattern']] : [];
  const patterns = [...own, ...all.map((part: unknown) => (isObject(part) ? part['pattern'] : undefined))];
  return {
    kind: 'string',
    minLength: numberOf(schema['minLength']) ?? 0,
    maxLength: numberOf(schema['maxLength']) ?? Infinity,
    format,
    patterns: patterns.filter((pattern) => typeof pattern === 'string').sort(),
    other: otherKeywords(schema, 'string'),
  };
}

/** A bound of the safe integers is no bound: zod writes it for every integer. */
function boundOf(inclusive: unknown, exclusive: unknown, tighter: (a: number, b: number) => number): Bound | undefined {
  const bounds = [
    { value: numberOf(inclusive), exclusive: false },
    { value: numberOf(exclusive), exclusive: true },
  ].filter((bound): bound is Bound => bound.value !== undefined && Math.abs(bound.value) !== Number.MAX_SAFE_INTEGER);
  const [first, second] = bounds;
  if (first === undefined || second === undefined) return first;
  if (first.value === second.value) return { value: first.value, exclusive: true };
  return tighter(first.value, second.value) === first.value ? first : second;
}

function arrayPart(schema: JsonSchema, within: (inner: unknown) => SchemaNode): ArrayPart {
  const first = Array.isArray(schema['prefixItems']) ? schema['prefixItems'].map(within) : [];
  const maxItems = numberOf(schema['maxItems']) ?? Infinity;
  const closed = schema['items'] === false || maxItems <= first.length;
  return {
    kind: 'array',
    first,
    rest: closed ? undefined : within(schema['items'] ?? true),
    minItems: numberOf(schema['minItems']) ?? 0,
    maxItems: closed ? Math.min(maxItems, first.length) : maxItems,
    other: otherKeywords(schema, 'array'),
  };
}

function objectPart(schema: JsonSchema, within: (inner: unknown) => SchemaNode): ObjectPart {
  const required = Array.isArray(schema['required']) ? schema['required'].map(String) : [];
  const properties = isObject(schema['properties']) ? schema['properties'] : {};
  // in a document of OpenAPI, this means that fields may be added later; they are not written yet
  const ignoresOthers = 'openapi' in within(true).root && isObject(schema['properties']);
  const additional = schema['additionalProperties'] ?? !ignoresOthers;
  return {
    kind: 'object',
    fields: new Map(Object.entries(properties).map(([name, field]) => [name, within(field)])),
    required: new Set(required),
    others: additional === false ? undefined : within(additional),
    ignoresOthers: schema['additionalProperties'] === undefined,
    names: schema['propertyNames'] === undefined ? undefined : within(schema['propertyNames']),
    other: otherKeywords(schema, 'object'),
  };
}

/** The keywords of a schema that are not compared one by one, as text. */
function otherKeywords(schema: JsonSchema, type: string): string {
  const known = new Set(['type', ...(KEYWORDS[type] ?? [])]);
  const other = Object.entries(schema).filter(([key]) => !known.has(key) && !isAnnotation(key));
  return other.length === 0 ? '' : JSON.stringify(Object.fromEntries(other.sort(([a], [b]) => (a < b ? -1 : 1))));
}

const isAnnotation = (key: string) => ANNOTATIONS.has(key) || key.startsWith('x-');

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

function asSchema(value: unknown): JsonSchema | boolean {
  return typeof value === 'boolean' ? value : isObject(value) ? value : true;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
