import { z } from 'zod';
import { FlotillaError } from '../../errors.js';

export type Json = Record<string, unknown>;

/** Collects the schemas of a document. A schema with an id (`.meta({ id: 'Order' })`) becomes a component; the others
 *  are inlined. */
export class Schemas {
  readonly components: Record<string, Json> = {};
  /** Responses that several operations share. */
  readonly responses: Record<string, Json> = {};

  /** The schema of a request: exactly as validated. */
  request(schema: z.ZodType): Json {
    return this.#collect(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }));
  }

  /** The schema of a response: open, because a later release may add fields. */
  response(schema: z.ZodType): Json {
    return this.#collect(z.toJSONSchema(schema, { io: 'output', unrepresentable: 'any', override: open }));
  }

  /** Adds a component. Throws `fleet.invalid` if a different schema has its name. */
  add(name: string, schema: Json): { $ref: string } {
    const text = JSON.stringify(schema);
    const known = this.components[name];
    if (known !== undefined && JSON.stringify(known) !== text) {
      throw new FlotillaError(
        'fleet.invalid',
        `two schemas of the API have the id ${name}; requests need one of their own`,
      );
    }
    this.components[name] = schema;
    return { $ref: `#/components/schemas/${name}` };
  }

  #collect(converted: object): Json {
    const text = JSON.stringify(converted).replaceAll('"#/$defs/', '"#/components/schemas/');
    const { $schema: _dialect, $defs = {}, ...schema } = JSON.parse(text) as Json & { $defs?: Record<string, Json> };
    for (const [name, definition] of Object.entries($defs)) this.add(name, definition);
    return schema;
  }
}

/** Allows additional fields, and removes keywords that only zod's own checks need: bounds of exact integers, patterns
 *  of formats. */
function open({ jsonSchema }: { jsonSchema: Json }): void {
  if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
  if (jsonSchema.format !== undefined) delete jsonSchema.pattern;
}
