import fc from 'fast-check';

/** The part of JSON Schema that the documents of this project use. */
export interface Schema {
  $ref?: string;
  const?: unknown;
  enum?: unknown[];
  not?: Schema;
  allOf?: Schema[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  type?: string;
  format?: string;
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  minItems?: number;
  maxItems?: number;
  default?: unknown;
}

export interface FromSchemaOptions {
  /** Resolves a `$ref` to its schema. */
  resolve: (ref: string) => Schema;
  /** Whether a value is valid; invalid generated values are omitted. */
  isValid: (schema: Schema, value: unknown) => boolean;
}

/** Generates values that are valid according to the schema. */
export function fromSchema(schema: Schema, options: FromSchemaOptions): fc.Arbitrary<unknown> {
  const { resolve, isValid } = options;
  if (schema.$ref !== undefined) return fromSchema(resolve(schema.$ref), options);
  if ('const' in schema) return fc.constant(schema.const);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) return fc.oneof(...choices.map((choice) => fromSchema(choice, options)));
  const values = ofType(merged(schema, options), options);
  return values.filter((value) => isValid(schema, value));
}

function merged(schema: Schema, options: FromSchemaOptions): Schema {
  const parts = (schema.allOf ?? []).map((part) => (part.$ref === undefined ? part : options.resolve(part.$ref)));
  return Object.assign({}, ...parts, schema) as Schema;
}

function ofType(schema: Schema, options: FromSchemaOptions): fc.Arbitrary<unknown> {
  switch (schema.type) {
    case 'string':
      return text(schema);
    case 'integer':
      return fc.oneof(
        fc.integer({
          min: Math.max(schema.minimum ?? 0, -(2 ** 31)),
          max: Math.min(schema.maximum ?? 1000, 2 ** 31 - 1),
        }),
        fc.constantFrom(schema.minimum ?? 0, schema.maximum ?? 1000, 0, 1),
      );
    case 'number':
      return fc.double({ min: schema.minimum ?? -1000, max: schema.maximum ?? 1000, noNaN: true });
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case 'array':
      return fc.array(fromSchema(schema.items ?? {}, options), {
        minLength: schema.minItems ?? 0,
        maxLength: Math.min(schema.maxItems ?? 5, (schema.minItems ?? 0) + 3),
      });
    case 'object': {
      const properties = Object.entries(schema.properties ?? {});
      const fields = Object.fromEntries(properties.map(([name, field]) => [name, fromSchema(field, options)]));
      return fc.record(fields, { requiredKeys: schema.required ?? [], noNullPrototype: true });
    }
    case undefined:
    default:
      return fc.jsonValue({ maxDepth: 1 });
  }
}

function text({ format, pattern, allOf, minLength = 0, maxLength = 40 }: Schema): fc.Arbitrary<string> {
  if (format === 'email') return fc.emailAddress();
  if (format === 'uuid') return fc.uuid();
  const date = fc.date({ min: new Date('1970-01-01'), max: new Date('2100-01-01'), noInvalidDate: true });
  if (format === 'date') return date.map((each) => each.toISOString().slice(0, 10));
  if (format === 'date-time') return date.map((each) => each.toISOString());
  if (pattern !== undefined && allOf === undefined) return fc.stringMatching(new RegExp(pattern, 'u'));
  const length = { minLength, maxLength: Math.min(maxLength, 40) };
  return fc.oneof(
    fc.string({ ...length, unit: 'grapheme' }),
    fc.string(length),
    fc.constantFrom('a', 'x'.repeat(maxLength > 1000 ? 40 : maxLength), ' . ', '..', '%', '\u00e9/\u{1f469}', "'; --"),
  );
}

/** Generates values with one error most of the time: a missing field, a wrong type, an excess value or an unknown
 *  field. */
export function broken(value: unknown): fc.Arbitrary<unknown> {
  const odd = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.constantFrom(null, '', -1, 0, 1.5, 1e308, 2 ** 53, [], {}, 'x'.repeat(5000), '\u0000', '\ud800', '\u2028', '-0'),
  );
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return odd;
  const names = Object.keys(value);
  const fields = value as Record<string, unknown>;
  if (names.length === 0) return fc.record({ unknown: odd });
  return fc.oneof(
    odd,
    fc.constantFrom(...names).map((name) => Object.fromEntries(Object.entries(fields).filter(([key]) => key !== name))),
    fc.constantFrom(...names).chain((name) => broken(fields[name]).map((other) => ({ ...fields, [name]: other }))),
    fc.tuple(fc.string(), odd).map(([name, more]) => ({ ...fields, [name]: more })),
  );
}
