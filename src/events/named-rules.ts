import { z } from 'zod';

const NAMES = new WeakMap<object, string>();

/** Adds a rule that JSON Schema cannot express: `rule('period', schema, ({ since, until }) => since <= until)`. The name
 *  is part of the published schema, so that a change of the rule is visible. Renaming it counts as a new rule. */
export function rule<S extends z.ZodType>(
  name: string,
  schema: S,
  holds: (value: z.infer<S>) => boolean,
  message = `violates ${name}`,
): S {
  const checked = schema.refine(holds, message);
  const added = checked._zod.def.checks?.at(-1);
  if (added !== undefined) NAMES.set(added, name);
  return checked;
}

/** Returns the name of a check; undefined if it has none. */
export function nameOfRule(check: object): string | undefined {
  return NAMES.get(check);
}

/** Returns the names of the rules in a schema, sorted. */
export function rulesOf(schema: z.core.$ZodType): string[] {
  const checks = [...partsOf(schema).keys()].flatMap(({ _zod: { def } }) => def.checks ?? []);
  return [...new Set(checks.flatMap((check) => nameOfRule(check) ?? []))].sort();
}

/** Every schema inside a schema, and the schema itself, with its path: dotted, `[]` for elements of an array, `*` for
 *  the values of a record. Each is listed once, because a schema may contain itself. */
export function partsOf(schema: z.core.$ZodType): Map<z.core.$ZodType, string> {
  const found = new Map<z.core.$ZodType, string>();
  const queue: [z.core.$ZodType, string][] = [[schema, '']];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    const [part, path] = next;
    if (found.has(part)) continue;
    found.set(part, path);
    queue.push(...childrenOf(part).map(([child, step]): [z.core.$ZodType, string] => [child, joined(path, step)]));
  }
  return found;
}

const STEPS: Readonly<Record<string, string>> = {
  element: '[]',
  items: '[]',
  rest: '[]',
  valueType: '*',
  catchall: '*',
};

function childrenOf(schema: z.core.$ZodType): [z.core.$ZodType, step: string][] {
  if (schema instanceof z.ZodLazy) return [[schema.unwrap(), '']];
  return Object.entries(schema._zod.def).flatMap(([key, value]: [string, unknown]) => {
    if (key === 'shape') return Object.entries(value as Record<string, z.core.$ZodType>).map(flipped);
    // a check, such as a refinement, resembles a schema
    if (key === 'checks') return [];
    return [value]
      .flat()
      .filter(isSchema)
      .map((child): [z.core.$ZodType, string] => [child, STEPS[key] ?? '']);
  });
}

const flipped = ([name, schema]: [string, z.core.$ZodType]): [z.core.$ZodType, string] => [schema, name];

function joined(path: string, step: string): string {
  if (step === '' || path === '') return path + step;
  return step === '[]' ? `${path}[]` : `${path}.${step}`;
}

function isSchema(value: unknown): value is z.core.$ZodType {
  if (typeof value !== 'object' || value === null || !('_zod' in value)) return false;
  const { def } = value._zod as { def: object };
  return 'type' in def;
}
