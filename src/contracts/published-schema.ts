import { z } from 'zod';
import type { MessageDefinition } from '../events/definition.js';
import { dataschemaOf } from '../events/definitions.js';
import { piiPaths } from '../events/personal.js';
import { rulesOf } from '../events/named-rules.js';
import type { JsonSchema } from '../events/schema-fields.js';

/** The formats of JSON Schema, by their names in zod. The pattern of such a format may differ between versions of zod.
 *  Source: JSON Schema Validation 2020-12 §7.3. */
const FORMATS: Readonly<Record<string, string>> = {
  email: 'email',
  uuid: 'uuid',
  guid: 'uuid',
  url: 'uri',
  datetime: 'date-time',
  date: 'date',
  time: 'time',
  duration: 'duration',
  ipv4: 'ipv4',
  ipv6: 'ipv6',
};

interface StringCheck {
  check?: string;
  format?: string;
  pattern?: RegExp;
}

/** Returns the JSON Schema (2020-12) of one version: what is committed, published and compared. `$id` is the
 *  `dataschema` of messages on the wire. `x-pii` lists personal fields, `x-rules` named rules, which JSON Schema cannot
 *  express. `x-readable-from` is the oldest version whose readers may read this one. */
export function publishedSchema(
  type: string,
  version: number,
  { kind, versions, readableFrom }: MessageDefinition,
): JsonSchema {
  const schema = versions[version];
  if (schema === undefined) throw new Error(`${type} has no version ${version}`);
  const { $schema, ...body } = z.toJSONSchema(schema, {
    io: 'input',
    override: ({ zodSchema, jsonSchema }) => {
      if (zodSchema._zod.def.type === 'string') writeFormat(zodSchema, jsonSchema);
    },
  });
  const from = readableFrom[version];
  const [pii, rules] = [piiPaths(schema), rulesOf(schema)];
  return {
    $schema,
    $id: dataschemaOf(type, version),
    title: `${type} ${version}`,
    'x-kind': kind,
    ...(from !== undefined && { 'x-readable-from': from }),
    ...(pii.length > 0 && { 'x-pii': pii }),
    ...(rules.length > 0 && { 'x-rules': rules }),
    ...body,
  };
}

/** Writes the format of a text with its pattern in `pattern`, and all other patterns in `allOf`. zod omits the format
 *  beside another pattern. */
function writeFormat(schema: z.core.$ZodType, json: z.core.JSONSchema.BaseSchema): void {
  const { def } = schema._zod as { def: StringCheck & { checks?: { _zod: { def: StringCheck } }[] } };
  const checks = [def, ...(def.checks ?? []).map((check) => check._zod.def)];
  const found = checks.find(({ check, format = '' }) => check === 'string_format' && format in FORMATS);
  if (found === undefined) {
    // names such as `starts_with` are zod's own
    delete json.format;
    return;
  }
  const patterns = [json.pattern, ...(json.allOf ?? []).map(({ pattern }) => pattern)];
  const others = patterns.filter((pattern) => pattern !== undefined && pattern !== found.pattern?.source);
  json.format = FORMATS[found.format ?? ''] ?? '';
  delete json.pattern;
  delete json.allOf;
  if (found.pattern !== undefined) json.pattern = found.pattern.source;
  if (others.length > 0) json.allOf = others.map((pattern) => ({ pattern }));
}
