import { expect } from 'chai';
import * as fc from 'fast-check';
import { table } from '../../../../src/cli/shared/output/print-list.js';

const row = (length: number) => fc.array(fc.string({ maxLength: 300 }), { minLength: length, maxLength: length });
const rows = fc.integer({ min: 1, max: 8 }).chain((length) => fc.array(row(length), { minLength: 1, maxLength: 5 }));

describe('a table', () => {
  it('fits 120 columns for any cell contents, with one line per row', () => {
    fc.assert(
      fc.property(rows, (items) => {
        const names = (items[0] ?? []).map((_, column) => `column ${column}`);
        const columns = Object.fromEntries(names.map((name, at) => [name, (item: string[]) => item[at] ?? '']));
        const lines = table(items, columns, { width: 120 });
        expect(lines).to.have.length(items.length + 1);
        for (const line of lines) {
          expect(line.length).to.be.at.most(120);
          expect(line).not.to.match(/\p{Cc}/u);
        }
      }),
    );
  });

  it('cuts the middle of the widest column, marks the cut, and keeps the others', () => {
    const [, line] = table(
      [{ queue: `begin${'-'.repeat(200)}end`, count: 12, state: 'waiting' }],
      {
        queue: ({ queue }) => queue,
        count: ({ count }) => String(count),
        state: ({ state }) => state,
      },
      { width: 120 },
    );
    expect(line)
      .to.match(/^begin-+…-+end {2}12 {5}waiting$/)
      .and.have.length(120);
  });

  it('keeps an id whole while other columns can shrink, then keeps its beginning', () => {
    const id = '01976e5c-1111-7aaa-8bbb-123456789abc';
    const columns = { id: (item: { id: string }) => item.id, other: () => 'x'.repeat(300), same: () => 'y'.repeat(90) };
    expect(table([{ id }], columns, { width: 120 })[1]).to.match(new RegExp(`^${id} +x+…x+ +y+…y+$`));
    const long = `abc${'d'.repeat(500)}`;
    expect(table([{ id: long }], columns, { width: 120 })[1]).to.match(/^abcd+… /);
  });

  it('is not cut when it fits or when the terminal is wider', () => {
    const columns = { name: (name: string) => name, note: () => 'z'.repeat(130) };
    expect(table(['a'], { name: (name) => name }, { width: 120 })).to.deep.equal(['NAME', 'a']);
    expect(table(['a'], columns, { width: 200 })[1]).to.equal(`a     ${'z'.repeat(130)}`);
  });
});
