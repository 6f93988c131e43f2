import fc from 'fast-check';
import { z } from 'zod';

/** A schema as data, so that it can be generated, changed and printed. */
export type Description =
  | { of: 'string'; min: number; max: number }
  | { of: 'email' | 'boolean' }
  | { of: 'number'; integer: boolean; min: number; max: number }
  | { of: 'literal'; value: string | number }
  | { of: 'enum'; values: string[] }
  | { of: 'nullable'; inner: Description }
  | { of: 'array'; inner: Description; max: number }
  | { of: 'record'; inner: Description }
  | { of: 'union'; options: Description[] }
  | { of: 'object'; open: boolean; fields: Record<string, { inner: Description; optional: boolean }> };

const small = fc.integer({ min: 0, max: 3 });
const word = fc.constantFrom('a', 'b', 'c', 'dd');

export const descriptions: fc.Arbitrary<Description> = fc.letrec<{ node: Description }>((tie) => {
  const inner = tie('node');
  return {
    node: fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      fc.record({ of: fc.constant('string' as const), min: small, max: fc.integer({ min: 3, max: 6 }) }),
      fc.record({ of: fc.constantFrom('email' as const, 'boolean' as const) }),
      fc.record({
        of: fc.constant('number' as const),
        integer: fc.boolean(),
        min: fc.integer({ min: -3, max: 0 }),
        max: fc.integer({ min: 1, max: 4 }),
      }),
      fc.record({ of: fc.constant('literal' as const), value: fc.oneof(word, small) }),
      fc.record({ of: fc.constant('enum' as const), values: fc.uniqueArray(word, { minLength: 1 }) }),
      fc.record({ of: fc.constant('nullable' as const), inner }),
      fc.record({ of: fc.constant('array' as const), inner, max: small }),
      fc.record({ of: fc.constant('record' as const), inner }),
      fc.record({ of: fc.constant('union' as const), options: fc.array(inner, { minLength: 1, maxLength: 3 }) }),
      fc.record({
        of: fc.constant('object' as const),
        open: fc.boolean(),
        fields: fc.dictionary(word, fc.record({ inner, optional: fc.boolean() }), { maxKeys: 3 }),
      }),
    ),
  };
}).node;

type Edit = (part: Description) => Description;

const edits: fc.Arbitrary<Edit> = fc.oneof(
  descriptions.map(
    (other): Edit =>
      () =>
        other,
  ),
  descriptions.map((other): Edit => (part) => ({ of: 'union', options: [part, other] })),
  fc.constant<Edit>((inner) => ({ of: 'nullable', inner })),
  small.map(
    (by): Edit =>
      (part) =>
        withOtherBounds(part, by),
  ),
);

/** A description and one in which a part is changed, in either order. */
export const pairs: fc.Arbitrary<{ before: Description; after: Description }> = fc
  .record({ before: descriptions, edit: edits, at: fc.nat(8), swap: fc.boolean() })
  .map(({ before, edit, at, swap }) => {
    const after = edited(before, { left: at }, edit);
    return swap ? { before: after, after: before } : { before, after };
  });

function withOtherBounds(part: Description, by: number): Description {
  if (part.of === 'string' || part.of === 'number') return { ...part, max: part.max + by };
  if (part.of === 'array') return { ...part, max: part.max + by };
  if (part.of === 'enum') return { ...part, values: [...part.values, `more${by}`] };
  if (part.of === 'object') return { ...part, open: !part.open };
  return part;
}

/** Changes the part with this number, counted from the outside. */
function edited(description: Description, count: { left: number }, edit: Edit): Description {
  if (count.left-- === 0) return edit(description);
  switch (description.of) {
    case 'nullable':
    case 'array':
    case 'record':
      return { ...description, inner: edited(description.inner, count, edit) };
    case 'union':
      return { ...description, options: description.options.map((option) => edited(option, count, edit)) };
    case 'object':
      return {
        ...description,
        fields: Object.fromEntries(
          Object.entries(description.fields).map(([name, { inner, optional }]) => {
            if (count.left-- === 0) return [name, { inner, optional: !optional }];
            return [name, { inner: edited(inner, count, edit), optional }];
          }),
        ),
      };
    case 'string':
    case 'email':
    case 'boolean':
    case 'number':
    case 'literal':
    case 'enum':
      return description;
  }
}

export function schemaOf(description: Description): z.ZodType {
  switch (description.of) {
    case 'string':
      return z.string().min(description.min).max(description.max);
    case 'email':
      return z.email();
    case 'boolean':
      return z.boolean();
    case 'number': {
      const { integer, min, max } = description;
      return (integer ? z.int() : z.number()).min(min).max(max);
    }
    case 'literal':
      return z.literal(description.value);
    case 'enum':
      return z.enum(description.values);
    case 'nullable':
      return schemaOf(description.inner).nullable();
    case 'array':
      return z.array(schemaOf(description.inner)).max(description.max);
    case 'record':
      return z.record(z.string(), schemaOf(description.inner));
    case 'union':
      return z.union(description.options.map(schemaOf));
    case 'object': {
      const fields = Object.entries(description.fields).map(([name, { inner, optional }]) => {
        const schema = schemaOf(inner);
        return [name, optional ? schema.optional() : schema] as const;
      });
      const shape = Object.fromEntries(fields);
      return description.open ? z.looseObject(shape) : z.strictObject(shape);
    }
  }
}

/** Generates data that a writer with this schema may write. */
export function valuesOf(description: Description): fc.Arbitrary<unknown> {
  switch (description.of) {
    case 'string':
      return fc.string({
        minLength: description.min,
        maxLength: description.max,
        unit: fc.constantFrom('a', 'b', 'd'),
      });
    case 'email':
      return fc.constant('ada@example.org');
    case 'boolean':
      return fc.boolean();
    case 'number': {
      const { integer, min, max } = description;
      const whole = fc.integer({ min, max });
      return integer ? whole : fc.oneof(whole, fc.constantFrom(min + 0.5, max - 0.5));
    }
    case 'literal':
      return fc.constant(description.value);
    case 'enum':
      return fc.constantFrom(...description.values);
    case 'nullable':
      return fc.oneof(fc.constant(null), valuesOf(description.inner));
    case 'array':
      return fc.array(valuesOf(description.inner), { maxLength: description.max });
    case 'record':
      return fc.dictionary(fc.constantFrom('a', 'b', 'x'), valuesOf(description.inner), {
        maxKeys: 2,
        noNullPrototype: true,
      });
    case 'union':
      return fc.oneof(...description.options.map(valuesOf));
    case 'object': {
      const fields = Object.entries(description.fields);
      const known = fc.record(Object.fromEntries(fields.map(([name, { inner }]) => [name, valuesOf(inner)])), {
        requiredKeys: fields.flatMap(([name, { optional }]) => (optional ? [] : [name])),
        noNullPrototype: true,
      });
      if (!description.open) return known;
      const others = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'dd', 'x'), fc.oneof(fc.integer(), fc.string()), {
        maxKeys: 2,
        noNullPrototype: true,
      });
      return fc.tuple(others, known).map(([other, own]) => ({ ...unknownFields(other, description.fields), ...own }));
    }
  }
}

function unknownFields(other: object, known: object): object {
  return Object.fromEntries(Object.entries(other).filter(([name]) => !(name in known)));
}
