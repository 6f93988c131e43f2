import { expect } from 'chai';
import { z } from 'zod';
import { schemaFields, typeText } from '../../src/events/schema-fields.js';

const fieldsOf = (schema: z.ZodType) =>
  schemaFields(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })).map(
    ({ path, type, required }) => `${path}${required ? '' : '?'}: ${type}`,
  );

describe('schemaFields', () => {
  it('lists nested fields after the field that contains them', () => {
    const line = z.strictObject({ sku: z.string().min(1).max(64), quantity: z.int().min(1) });
    const schema = z.strictObject({
      lines: z.array(line).max(3),
      tags: z.record(z.string(), z.strictObject({ n: z.int() })),
    });
    expect(fieldsOf(schema)).to.deep.equal([
      'lines: array of object, at most 3 elements',
      'lines[].sku: string, 1 to 64 characters',
      'lines[].quantity: integer, at least 1',
      'tags: object',
      'tags.*.n: integer',
    ]);
  });

  it('describes alternatives, constants, formats and null', () => {
    const schema = z.strictObject({
      kind: z.enum(['a', 'b']),
      at: z.iso.datetime().nullable(),
      one: z.literal(1).optional(),
    });
    expect(fieldsOf(schema)).to.deep.equal(['kind: "a" | "b"', 'at: string, date-time | null', 'one?: 1']);
  });

  it('lists a field once where several alternatives have it', () => {
    const either = z.union([z.strictObject({ id: z.string() }), z.strictObject({ id: z.string(), n: z.int() })]);
    expect(fieldsOf(either)).to.deep.equal(['id: string', 'n: integer']);
  });

  it('stops at a recursive schema', () => {
    const json: z.ZodType = z.lazy(() => z.union([z.string(), z.array(json)]));
    expect(typeText(z.toJSONSchema(json))).to.equal('string | array of any');
    expect(fieldsOf(z.strictObject({ json }))).to.have.length.below(3);
  });
});
