import { z } from 'zod';

const PII = new WeakSet<z.ZodType>();

/** Marks a field as personal data: its value never appears in a log or an error, and commands mask it. */
export function pii<S extends z.ZodType>(schema: S): S {
  PII.add(schema);
  return schema;
}

/** Returns the dotted paths of the fields marked `pii`; `*` matches any element of an array and any key of a record.
 *  An empty path means the whole value. */
export function piiPaths(schema: z.ZodType, prefix = ''): string[] {
  return [...new Set(pathsIn(schema, prefix, 0))];
}

/** Limits recursion: a schema may contain itself. */
const MAX_DEPTH = 16;

function pathsIn(schema: z.ZodType, prefix: string, depth: number): string[] {
  if (PII.has(schema)) return [prefix];
  if (depth === MAX_DEPTH) return [];
  const within = (inner: unknown, name?: string) => {
    const path = name === undefined || prefix === '' ? (name ?? prefix) : `${prefix}.${name}`;
    return pathsIn(inner as z.ZodType, path, depth + 1);
  };
  if (schema instanceof z.ZodObject) {
    return Object.entries(schema.shape as object).flatMap(([name, field]) => within(field, name));
  }
  if (schema instanceof z.ZodArray) return within(schema.element, '*');
  if (schema instanceof z.ZodRecord) return within(schema.valueType, '*');
  if (schema instanceof z.ZodTuple) return schema.def.items.flatMap((item) => within(item, '*'));
  if (schema instanceof z.ZodUnion) return schema.options.flatMap((option) => within(option));
  if (schema instanceof z.ZodIntersection) return [...within(schema.def.left), ...within(schema.def.right)];
  if (schema instanceof z.ZodPipe) return within(schema.in);
  if (schema instanceof z.ZodLazy) return within(schema.unwrap());
  return 'innerType' in schema.def ? within(schema.def.innerType) : [];
}

/** Replaces a masked value. */
export const HIDDEN = '••••••••';

/** Returns a copy with the fields at these paths masked. */
export function maskPersonal(data: unknown, paths: readonly string[]): unknown {
  return paths.reduce((masked, path) => mask(masked, path === '' ? [] : path.split('.')), data);
}

function mask(value: unknown, [step, ...rest]: readonly string[]): unknown {
  if (value === undefined || value === null) return value;
  if (step === undefined) return HIDDEN;
  if (typeof value !== 'object') return value;
  if (Array.isArray(value)) return step === '*' ? value.map((element: unknown) => mask(element, rest)) : value;
  const masked = Object.entries(value).map(([name, field]: [string, unknown]) => [
    name,
    step === '*' || step === name ? mask(field, rest) : field,
  ]);
  return Object.fromEntries(masked);
}

/** Whether a field is at one of these paths or inside one. */
export function isPersonal(field: readonly PropertyKey[], paths: readonly string[]): boolean {
  return paths.some((path) => {
    const steps = path === '' ? [] : path.split('.');
    return steps.length <= field.length && steps.every((step, index) => step === '*' || step === String(field[index]));
  });
}

/** Whether a value contains a masked value. */
export function hasHidden(value: unknown): boolean {
  return (JSON.stringify(value) ?? '').includes(HIDDEN);
}
