import { expect } from 'chai';
import type { Expected } from './oracle.js';
import type { Result, ScriptOutcome } from './run-script.js';

/** Compares the outcome of a script with its plain recomputation. */
export function compare({ results, late, row }: ScriptOutcome, expected: Expected): void {
  const final = results.filter(({ window }) => window.final);
  const byWindow = new Map<string, Result[]>();
  for (const result of results) {
    const name = nameOf(result.window.key, result.window.end);
    byWindow.set(name, [...(byWindow.get(name) ?? []), result]);
  }
  expect([...new Set(final.map(({ window }) => nameOf(window.key, window.end)))].sort()).to.deep.equal(
    expected.windows.map(({ sensor, end }) => nameOf(sensor, end)).sort(),
  );
  for (const { sensor, end, first, atLeast, contents, isCorrected } of expected.windows) {
    const name = nameOf(sensor, end);
    const all = byWindow.get(name) ?? [];
    const closed = all.filter(({ window }) => window.final);
    if (first !== undefined) {
      expect(closed[0]?.numbers, `${name}, first result`).to.deep.equal(first);
      expect(closed.length > 1, `${name} is corrected`).to.equal(isCorrected);
    }
    expect(contents.map(String), `${name}, last result`).to.include(String(closed.at(-1)?.numbers));
    expect(closed.at(-1)?.numbers, `${name}, last result`).to.include.members([...atLeast]);
    for (const [index, { id, window, numbers }] of all.entries()) {
      expect(window.revision, `${name}, revision`).to.equal(index);
      expect(window.corrects, `${name}, corrects`).to.equal(all[index - 1]?.id);
      expect(window.count, `${name}, count`).to.equal(numbers.length);
      expect(new Set(all.map((each) => each.id)).size, `${name}, ids; ${id}`).to.equal(all.length);
    }
  }
  const found = late.map(({ eventId, part, outcome }): [string, string] => {
    const n = Number(eventId.slice(-12));
    return [part === '' ? `${n}` : `${n}/${part}`, outcome];
  });
  expect(Object.fromEntries(found)).to.deep.equal(Object.fromEntries(expected.late));
  if (Number.isFinite(expected.watermark)) expect(row?.watermark.value).to.equal(expected.watermark);
}

function nameOf(key: string, end: number): string {
  return `${key} ${end}`;
}
