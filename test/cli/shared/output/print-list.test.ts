import { expect } from 'chai';
import * as fc from 'fast-check';
import { table } from '../../../../src/cli/shared/output/print-list.js';

const row = (length: number) => fc.array(fc.string({ maxLength: 300 }), { minLength: length, maxLength: length });
const rows = fc.integer({ min: 1, max: 8 }).chain((length) => fc.array(row(length), { minLength: 1, maxLength: 5 }));

describe('a table', () => {
  it('fits the terminal where every column is free text, with one line per row', () => {
    fc.assert(
      fc.property(rows, (items) => {
        const names = (items[0] ?? []).map((_, column) => `column ${column}`);
        const columns = Object.fromEntries(names.map((name, at) => [name, (item: string[]) => item[at] ?? '']));
        const lines = table(items, columns, { width: 120, freeText: names });
        expect(lines).to.have.length(items.length + 1);
        for (const line of lines) {
          expect(line.length).to.be.at.most(120);
          expect(line).not.to.match(/\p{Cc}/u);
        }
      }),
    );
  });

  it('cuts the middle of free text and marks the cut', () => {
    const [, line] = table(
      [{ reason: `begin${'-'.repeat(200)}end`, count: 12, state: 'waiting' }],
      {
        reason: ({ reason }) => reason,
        count: ({ count }) => String(count),
        state: ({ state }) => state,
      },
      { width: 80, freeText: ['reason'] },
    );
    expect(line)
      .to.match(/^begin-+…-+end {2}12 {5}waiting$/)
      .and.have.length(80);
  });

  it('never cuts other columns for the terminal, and free text no further than its heading', () => {
    const [id, code] = ['01976e5c-1111-7aaa-8bbb-123456789abc', `worker.${'c'.repeat(150)}`];
    const columns = { id: () => id, code: () => code, note: () => 'x'.repeat(300) };
    expect(table([{}], columns, { width: 80, freeText: ['note'] })[1]).to.equal(`${id}  ${code}  xx…x`);
  });

  it('cuts the widest cells of a row that is longer than any value that is printed', () => {
    const id = '01976e5c-1111-7aaa-8bbb-123456789abc';
    const columns = { id: () => id, code: () => 'c'.repeat(100_000), at: () => '2026-01-01T00:00:00.000Z' };
    const [, line] = table([{}], columns, { width: 80 });
    expect(line)
      .to.match(new RegExp(`^${id} {2}c+…c+ {2}2026-01-01T00:00:00.000Z$`))
      .and.have.length(4000);
  });

  it('cuts nothing that fits', () => {
    const columns = { name: (name: string) => name, note: () => 'z'.repeat(130) };
    expect(table(['a'], { name: (name) => name }, { width: 80 })).to.deep.equal(['NAME', 'a']);
    expect(table(['a'], columns, { width: 136, freeText: ['note'] })[1]).to.equal(`a     ${'z'.repeat(130)}`);
  });
});
