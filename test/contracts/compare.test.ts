import { expect } from 'chai';
import { z } from 'zod';
import { compareSchemas } from '../../src/contracts/compare.js';
import { counterexample } from '../../src/contracts/counterexample.js';
import { RULES, type RuleId, type Verdict } from '../../src/contracts/rules.js';
import { changesOf, nodeOf, reads } from './support/pairs.js';

interface Row {
  before: z.ZodType;
  after: z.ZodType;
  /** The rules of the change, and of the opposite change. */
  rules: [RuleId, RuleId];
  /** Whether no counterexample can be made, in any direction. */
  silent?: boolean;
}

const row = (before: z.ZodType, after: z.ZodType, ...rules: [RuleId, RuleId]): Row => ({ before, after, rules });
const object = (shape: Record<string, z.ZodType>) => z.strictObject({ id: z.string(), ...shape });

const rows: Record<string, Row> = {
  'an optional field': row(
    object({}),
    object({ a: z.string().optional() }),
    'field-added-optional',
    'field-removed-optional',
  ),
  'a required field': row(object({}), object({ a: z.string() }), 'field-added-required', 'field-removed-required'),
  'the presence of a field': row(
    object({ a: z.int().optional() }),
    object({ a: z.int() }),
    'field-became-required',
    'field-became-optional',
  ),
  'the name of a required field': row(
    object({ a: z.int() }),
    object({ b: z.int() }),
    'field-renamed?',
    'field-renamed?',
  ),
  'the name of an optional field': {
    ...row(object({ a: z.int().optional() }), object({ b: z.int().optional() }), 'field-renamed?', 'field-renamed?'),
    silent: true,
  },
  'integer and number': row(z.int(), z.number(), 'type-widened', 'type-narrowed'),
  'a member of a union': row(z.string(), z.union([z.string(), z.int()]), 'type-widened', 'type-narrowed'),
  'a literal and its type': { ...row(z.literal('a'), z.string(), 'type-widened', 'type-narrowed'), silent: true },
  'an enum and its type': { ...row(z.enum(['a', 'b']), z.string(), 'type-widened', 'type-narrowed'), silent: true },
  'any type': { ...row(z.string(), z.unknown(), 'type-widened', 'type-narrowed'), silent: true },
  'another type': row(z.string(), z.int(), 'type-changed', 'type-changed'),
  'array and element': row(z.string(), z.array(z.string()), 'type-changed', 'type-changed'),
  'a constant': row(z.literal('a'), z.literal('b'), 'const-changed', 'const-changed'),
  'the discriminator': {
    ...row(
      z.discriminatedUnion('t', [z.strictObject({ t: z.literal('a') }), z.strictObject({ t: z.literal('b') })]),
      z.discriminatedUnion('u', [z.strictObject({ u: z.literal('a') }), z.strictObject({ u: z.literal('b') })]),
      'discriminator-changed',
      'discriminator-changed',
    ),
    silent: true,
  },
  'a member of a discriminated union': row(
    z.discriminatedUnion('t', [z.strictObject({ t: z.literal('a') }), z.strictObject({ t: z.literal('b') })]),
    z.discriminatedUnion('t', [
      z.strictObject({ t: z.literal('a') }),
      z.strictObject({ t: z.literal('b') }),
      z.strictObject({ t: z.literal('c') }),
    ]),
    'type-widened',
    'type-narrowed',
  ),
  null: row(z.string(), z.string().nullable(), 'nullable-added', 'nullable-removed'),
  'a value of an enum': row(z.enum(['a', 'b']), z.enum(['a', 'b', 'c']), 'enum-value-added', 'enum-value-removed'),
  'the minimum': row(z.int().min(1), z.int().min(2), 'bound-tightened', 'bound-loosened'),
  'a new minimum': row(z.int(), z.int().min(1), 'bound-tightened', 'bound-loosened'),
  'the maximum': row(z.number().max(5), z.number().max(4), 'bound-tightened', 'bound-loosened'),
  'an exclusive minimum': { ...row(z.number().min(1), z.number().gt(1), 'bound-tightened', 'bound-loosened') },
  'the minimum length': row(z.string(), z.string().min(1), 'bound-tightened', 'bound-loosened'),
  'the maximum length': row(z.string().max(5), z.string().max(3), 'bound-tightened', 'bound-loosened'),
  'the number of elements': {
    ...row(z.array(z.int()).max(5), z.array(z.int()).max(3), 'bound-tightened', 'bound-loosened'),
    silent: true,
  },
  'a multiple': {
    ...row(z.int().multipleOf(2), z.int().multipleOf(4), 'bound-tightened', 'bound-loosened'),
    silent: true,
  },
  'an unrelated multiple': {
    ...row(z.int().multipleOf(2), z.int().multipleOf(3), 'bound-changed', 'bound-changed'),
    silent: true,
  },
  'a pattern': { ...row(z.string(), z.string().regex(/^b/), 'pattern-added', 'pattern-removed'), silent: true },
  'another pattern': {
    ...row(z.string().regex(/^a/), z.string().regex(/^b/), 'pattern-changed', 'pattern-changed'),
    silent: true,
  },
  'a format': { ...row(z.string(), z.email(), 'format-added', 'format-removed'), silent: true },
  'another format': { ...row(z.email(), z.uuid(), 'format-changed', 'format-changed'), silent: true },
  'other fields': {
    ...row(object({}), z.looseObject({ id: z.string() }), 'object-opened', 'object-closed'),
    silent: true,
  },
  'another key of a record': {
    ...row(z.record(z.string(), z.int()), z.record(z.string().max(3), z.int()), 'bound-tightened', 'bound-loosened'),
    silent: true,
  },
};

/** Places in which a changed schema may be, and the way to its value. */
const places: Record<string, (inner: z.ZodType) => z.ZodType> = {
  'of the data': (inner) => inner,
  'of a field': (inner) => z.strictObject({ x: inner }),
  'of an optional field of a field': (inner) => z.strictObject({ x: z.strictObject({ y: inner.optional() }) }),
  'of an element': (inner) => z.array(inner),
  'of an element of a tuple': (inner) => z.tuple([z.int(), inner]),
  'of a value of a record': (inner) => z.record(z.string(), inner),
  'of a member of a union': (inner) =>
    z.discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('a'), x: inner }),
      z.strictObject({ kind: z.literal('b') }),
    ]),
};

describe('the comparison of two schemas', () => {
  const expectRule = (before: z.ZodType, after: z.ZodType, rule: RuleId, silent: boolean) => {
    const changes = changesOf(before, after);
    expect(changes.map((change) => change.rule)).to.deep.equal([rule]);
    const [change] = changes;
    if (change === undefined) throw new Error('no change');
    const { backward, forward } = RULES[rule];
    expect({ backward: change.backward, forward: change.forward }).to.deep.equal({ backward, forward });
    const check = (direction: Verdict, side: 'stored' | 'written', writer: z.ZodType, reader: z.ZodType) => {
      const example = counterexample(change, side, nodeOf(reader));
      if (direction !== 'breaks') return;
      if (example === undefined) expect(silent, `a counterexample, ${side}`).to.equal(true);
      else {
        expect(writer.safeParse(example).success, `${JSON.stringify(example)} can be ${side}`).to.equal(true);
        expect(reads(reader, example), `${JSON.stringify(example)} is read`).to.equal(false);
      }
    };
    check(backward, 'stored', before, after);
    check(forward, 'written', after, before);
  };

  for (const [
    what,
    {
      before,
      after,
      rules: [rule, opposite],
      silent = false,
    },
  ] of Object.entries(rows)) {
    for (const [place, at] of Object.entries(places)) {
      it(`names a change of ${what} ${place}: ${rule}, and back: ${opposite}`, () => {
        expectRule(at(before), at(after), rule, silent);
        expectRule(at(after), at(before), opposite, silent);
      });
    }
  }

  it('finds no change in equal schemas, in descriptions and in the order of fields', () => {
    const before = z.strictObject({ a: z.int(), b: z.string().optional() });
    const after = z.strictObject({ b: z.string().describe('b').optional(), a: z.int().meta({ title: 'a' }) });
    expect(changesOf(before, after)).to.deep.equal([]);
  });

  it('compares schemas that contain themselves', () => {
    const tree = (value: z.ZodType) => {
      const node = z.strictObject({
        value,
        get children() {
          return z.array(node);
        },
      }) as z.ZodType;
      return node;
    };
    expect(changesOf(tree(z.int()), tree(z.int()))).to.deep.equal([]);
    expect(changesOf(tree(z.int()), tree(z.string())).map(({ rule }) => rule)).to.deep.equal(['type-changed']);
  });

  it('compares unions of objects that contain themselves', () => {
    const expression = (value: z.ZodType): z.ZodType => {
      const node: z.ZodType = z.union([
        z.strictObject({ value, also: z.int() }),
        z.strictObject({ left: z.lazy(() => node), right: z.lazy(() => node) }),
      ]);
      return node;
    };
    expect(changesOf(expression(z.int()), expression(z.int()))).to.deep.equal([]);
    const rules = changesOf(expression(z.int()), expression(z.string())).map(({ rule }) => rule);
    expect(rules).to.include('type-narrowed').and.include('type-widened');
  });

  it('does not compare the pattern of a format, which differs between versions of zod', () => {
    const [before, after] = [nodeOf(z.email()), nodeOf(z.email())];
    const changed = { ...after.root, pattern: '^changed$' };
    expect(compareSchemas(before, { schema: changed, root: changed })).to.deep.equal([]);
    const own = nodeOf(z.email().regex(/example/));
    expect(compareSchemas(before, own).map(({ rule }) => rule)).to.deep.equal(['pattern-added']);
  });

  it('reports a keyword that it does not know as a change in both directions', () => {
    const [before, after] = [nodeOf(z.int()), nodeOf(z.int().meta({ not: { const: 0 } }))];
    expect(compareSchemas(before, after).map(({ rule }) => rule)).to.deep.equal(['keyword-changed']);
  });

  describe("agrees with the combinations of Confluent's compatibility rules for objects", () => {
    // content model of the old and the new schema, and whether a property is added or removed, required or optional
    const closed = (shape: Record<string, z.ZodType>) => z.strictObject({ id: z.string(), ...shape });
    const open = (shape: Record<string, z.ZodType>) => z.looseObject({ id: z.string(), ...shape });
    const models = { closed, open };
    for (const [model, make] of Object.entries(models)) {
      for (const presence of ['required', 'optional'] as const) {
        const field = presence === 'required' ? z.string() : z.string().optional();
        const [without, having] = [make({}), make({ a: field })];
        const verdict = (before: z.ZodType, after: z.ZodType, direction: 'backward' | 'forward') =>
          changesOf(before, after).every((change) => change[direction] !== 'breaks');
        it(`${model}: a ${presence} property is added or removed`, () => {
          const addable = model === 'closed' && presence === 'optional';
          expect(verdict(without, having, 'backward'), 'added, backward').to.equal(addable);
          // a reader ignores fields that it does not know
          expect(verdict(without, having, 'forward'), 'added, forward').to.equal(true);
          expect(verdict(having, without, 'backward'), 'removed, backward').to.equal(true);
          expect(verdict(having, without, 'forward'), 'removed, forward').to.equal(addable);
        });
      }
    }
  });
});
