import { isDeepStrictEqual } from 'node:util';
import type { MessageDefinition } from '../events/definition.js';
import { piiPaths } from '../events/personal.js';
import { exampleOf } from './examples.js';
import { publishedSchema } from './published-schema.js';
import { generateSamples, type CommittedSamples } from './samples.js';
import { shapeOf, type Json, type Part, type SchemaNode } from './shape.js';

/** Returns data of one version for documentation: its committed samples with generated values in personal fields, or
 *  generated data if it has no such samples. */
export function exampleData(
  type: string,
  version: number,
  definition: MessageDefinition,
  committed: readonly CommittedSamples[],
): Json[] {
  const schema = definition.versions[version];
  if (schema === undefined) return [];
  const root = publishedSchema(type, version, definition);
  const personal = piiPaths(schema).map((path) => (path === '' ? [] : path.split('.')));
  const samples = committed.find((each) => each.type === type && each.version === version)?.samples.samples ?? [];
  const replaced = samples
    .map(({ data }) =>
      personal.reduce((at, steps) => replaceAt(at, steps, generated({ schema: root, root }, steps)), data),
    )
    .filter((data, index, all) => all.findIndex((other) => isDeepStrictEqual(other, data)) === index)
    .filter((data) => schema.safeParse(data).success);
  return replaced.length > 0 ? replaced : generateSamples(type, version, definition).samples.map(({ data }) => data);
}

/** A value for the place to which these steps lead; null if none is found, which the schema of the place refuses or which
 *  is not personal. */
function generated(node: SchemaNode, steps: readonly string[]): Json {
  const values = nodesAt(node, steps).map((each) => exampleOf(each));
  return values.find((value) => value !== undefined) ?? null;
}

function nodesAt(node: SchemaNode, [step, ...rest]: readonly string[]): SchemaNode[] {
  if (step === undefined) return [node];
  return shapeOf(node)
    .parts.flatMap((part) => nodesIn(part, step))
    .flatMap((inner) => nodesAt(inner, rest));
}

function nodesIn(part: Part, step: string): SchemaNode[] {
  const within = (...nodes: (SchemaNode | undefined)[]) => nodes.filter((node) => node !== undefined);
  if (part.kind === 'array') return step === '*' ? within(...part.first, part.rest) : [];
  if (part.kind !== 'object') return [];
  return step === '*' ? within(part.others) : within(part.fields.get(step));
}

function replaceAt(data: Json, [step, ...rest]: readonly string[], value: Json): Json {
  if (step === undefined) return value;
  if (typeof data !== 'object' || data === null) return data;
  const replaced = Object.entries(data).map(([name, inner]): [string, Json] => [
    name,
    step === '*' || step === name ? replaceAt(inner, rest, value) : inner,
  ]);
  return Array.isArray(data) ? replaced.map(([, inner]) => inner) : Object.fromEntries(replaced);
}
