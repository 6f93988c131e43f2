import { expect } from 'chai';
import { z } from 'zod';
import { event } from '../../src/events/definition.js';
import { joinDefinitions } from '../../src/events/definitions.js';
import { rule, rulesOf } from '../../src/events/named-rules.js';
import { refusalOf } from '../../src/events/refused-schemas.js';
import { FlotillaError } from '../../src/errors.js';

describe('the schema of a message', () => {
  const refused: Record<string, z.ZodType> = {
    'a default': z.string().default('a'),
    'a prefault': z.string().prefault('a'),
    'a catch': z.string().catch('a'),
    'a transform': z.string().transform((text) => text.length),
    'a preprocess': z.preprocess((value) => value, z.string()),
    'a coercion': z.coerce.number(),
    'a trim': z.string().trim(),
    'a change of case': z.string().toLowerCase(),
    'a date': z.date(),
    'a big integer': z.bigint(),
    'a map': z.map(z.string(), z.int()),
    'a set': z.set(z.string()),
    'an undefined': z.undefined(),
    'a custom check': z.custom<string>(() => true),
    'a refinement without a name': z.string().refine(() => true),
  };
  for (const [what, schema] of Object.entries(refused)) {
    it(`is refused with ${what}, at any depth, with its path`, () => {
      expect(refusalOf(schema)).to.be.a('string');
      const nested = z.strictObject({ items: z.array(z.strictObject({ a: schema.optional() })) });
      expect(refusalOf(nested)).to.match(/^items\[\]\.a: ./);
      const inRecord = z.record(z.string(), z.union([z.int(), schema]));
      expect(refusalOf(inRecord)).to.match(/^\*: ./);
    });
  }

  it('is accepted without them, with named rules, and if it contains itself', () => {
    const node = z.strictObject({
      id: z.uuid(),
      count: z.int().min(1).multipleOf(2),
      time: z.iso.datetime(),
      tags: z.array(z.enum(['a', 'b'])).max(3),
      get children() {
        return z.array(node);
      },
    }) as z.ZodType;
    expect(refusalOf(node)).to.equal(undefined);
    expect(refusalOf(rule('period', z.strictObject({ from: z.int() }), ({ from }) => from > 0))).to.equal(undefined);
  });

  it('is checked when the catalogue is created, which names type, version and path', () => {
    const definitions = { 'order.created': event({ 1: z.strictObject({ at: z.date() }) }) };
    expect(() => joinDefinitions(definitions))
      .to.throw(FlotillaError, 'order.created 1: at: JSON has no dates')
      .with.property('code', 'contract.bad_schema');
  });
});

describe('a named rule', () => {
  const schema = rule(
    'period',
    z.strictObject({ since: z.int(), until: z.int() }),
    ({ since, until }) => since <= until,
  );

  it('refuses data that violate it, with its message', () => {
    expect(schema.safeParse({ since: 1, until: 2 }).success).to.equal(true);
    expect(schema.safeParse({ since: 2, until: 1 }).error?.issues[0]?.message).to.equal('violates period');
  });

  it('is listed for every schema that contains it, in alphabetical order', () => {
    const other = rule('even', z.int(), (n) => n % 2 === 0);
    expect(rulesOf(z.strictObject({ a: schema, b: z.array(other).optional(), c: schema }))).to.deep.equal([
      'even',
      'period',
    ]);
    expect(rulesOf(z.string())).to.deep.equal([]);
  });
});
