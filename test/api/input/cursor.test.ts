import { expect } from 'chai';
import fc from 'fast-check';
import { z } from 'zod';
import { cursor, cursorOf } from '../../../src/api/input/cursor.js';
import { withTimeRange } from '../../../src/api/input/time-range.js';

describe('cursors of the API', () => {
  const position = z.strictObject({ createdAt: z.string().max(100), id: z.string().max(100) });
  const orders = cursor('orders', position);
  const position1 = { createdAt: '2026-01-01T00:00:00.000Z', id: 'o1' };
  const valid = (type: z.ZodType, text: unknown) => type.safeParse(text).success;

  it('decode to the encoded position, whatever it is', () => {
    fc.assert(
      fc.property(
        fc.record({ createdAt: fc.string({ unit: 'grapheme', maxLength: 30 }), id: fc.string({ maxLength: 30 }) }),
        (at) => {
          const text = cursorOf(orders, at);
          expect(text).to.match(/^[A-Za-z0-9_-]+$/);
          expect(orders.parse(text)).to.deep.equal(at);
        },
      ),
    );
  });

  it('are rejected for another list, also with the same kind of positions', () => {
    expect(valid(cursor('accounts', position), cursorOf(orders, position1))).to.equal(false);
    expect(valid(cursor('orders', z.int()), cursorOf(orders, position1))).to.equal(false);
  });

  it('are rejected if any character is changed, removed or added', () => {
    const text = cursorOf(orders, position1);
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    for (let i = 0; i < text.length; i++) {
      for (const other of alphabet) {
        const changed = text.slice(0, i) + other + text.slice(i + 1);
        expect(valid(orders, changed), changed).to.equal(changed === text);
      }
      expect(valid(orders, text.slice(0, i))).to.equal(false);
    }
    for (const more of ['A', '=', ' ', '_']) expect(valid(orders, text + more)).to.equal(false);
  });

  it('are rejected without an exception if they are malformed', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.base64String(), fc.anything()), (any) => !valid(orders, any)));
    const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    for (const any of [null, [], {}, { form: 1 }, { form: 1, at: position1 }, { form: 2, at: position1, sum: '' }]) {
      expect(valid(orders, encoded(any))).to.equal(false);
    }
    expect(valid(orders, Buffer.from('['.repeat(700)).toString('base64url'))).to.equal(false);
    expect(valid(orders, 'A'.repeat(100_000))).to.equal(false);
  });

  it('are not created from an invalid position', () => {
    expect(() => cursorOf(orders, { ...position1, more: 1 } as typeof position1)).to.throw();
  });
});

describe('time ranges of the API', () => {
  const query = withTimeRange({ limit: z.coerce.number().default(20) });
  const [early, late] = ['2026-01-01T00:00:00Z', '2026-01-01T00:30:00Z'];

  it('may have either end, both, or none', () => {
    for (const range of [
      {},
      { since: early },
      { until: late },
      { since: early, until: late },
      { since: early, until: early },
    ])
      expect(query.parse(range)).to.deep.equal({ limit: 20, ...range });
  });

  it('are rejected if reversed, also across time zones, or if a time is invalid', () => {
    const [issue] = query.safeParse({ since: late, until: early }).error?.issues ?? [];
    expect(issue).to.include({ message: 'until is before since' });
    expect(issue?.path).to.deep.equal(['until']);
    expect(
      query.safeParse({ since: '2026-01-01T00:00:00+00:00', until: '2026-01-01T00:30:00+01:00' }).success,
    ).to.equal(false);
    for (const since of ['yesterday', '2026-13-01T00:00:00Z', '1', ''])
      expect(query.safeParse({ since }).success).to.equal(false);
  });
});
