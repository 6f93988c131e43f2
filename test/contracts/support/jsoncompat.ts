import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { check_compat, initSync } from 'jsoncompat';
import type { JsonSchema } from '../../../src/events/schema-fields.js';

let loaded = false;

/** The verdicts of jsoncompat about two schemas of a writer that writes declared fields only and a reader that ignores
 *  others: whether new code reads old data, and old code new data. */
export function verdictsOf(before: JsonSchema, after: JsonSchema): { backward: boolean; forward: boolean } {
  if (!loaded) initSync({ module: readFileSync(wasm) });
  loaded = true;
  const [old, now] = [before, after].map(constraintsOf);
  return {
    backward: check_compat(JSON.stringify(old), JSON.stringify(opened(now)), 'deserializer'),
    forward: check_compat(JSON.stringify(opened(old)), JSON.stringify(now), 'serializer'),
  };
}

const wasm = fileURLToPath(new URL('jsoncompat_wasm_bg.wasm', import.meta.resolve('jsoncompat')));

/** It refuses schemas with an identity. */
function constraintsOf({ $id: _id, $schema: _dialect, title: _title, ...schema }: JsonSchema): JsonSchema {
  return Object.fromEntries(Object.entries(schema).filter(([key]) => !key.startsWith('x-')));
}

/** The schema of a reader that ignores unknown fields. */
function opened(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(opened);
  if (typeof schema !== 'object' || schema === null) return schema;
  const entries = Object.entries(schema).filter(([key, value]) => key !== 'additionalProperties' || value !== false);
  return Object.fromEntries(entries.map(([key, value]) => [key, opened(value)]));
}
