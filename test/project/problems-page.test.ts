import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import {
  errorStatus,
  problems,
  problemType,
  type ProblemCode,
  type ProblemType,
} from '../../src/api/problems/problems.js';
import type { ErrorCode } from '../../src/errors.js';
import { routes } from '../../platform/routes.js';

const page = readFileSync(new URL('../../docs/problems.md', import.meta.url), 'utf8');
const ROW =
  /^\| <a id="(?<anchor>[^"]+)"><\/a>`(?<code>[^`]+)` \| (?<status>\d{3}) \| (?<title>.+?) \| (?<advice>.+) \|$/gm;
const plain = (markdown = '') => markdown.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('\\*', '*');

describe('docs/problems.md', () => {
  const known: ProblemType[] = [
    ...[...Object.keys(problems), ...Object.keys(errorStatus)].map((code) =>
      problemType(code as ProblemCode | ErrorCode),
    ),
    ...routes({ fulfilment: 'orchestrated' }).flatMap((route) => route.problems),
  ];
  const rows = [...page.matchAll(ROW)].map(({ groups = {} }) => groups);

  it('describes every problem type with its code, status and title, and no other', () => {
    const described = rows.map(({ code, status, title }) => `${code} ${status} ${plain(title)}`);
    const expected = new Set(known.map(({ code, status, title }) => `${code} ${status} ${title}`));
    expect(described).to.have.members([...expected]);
    for (const { anchor, code } of rows) expect(anchor).to.equal(code);
  });

  it('has one title for each type, and one type for each title', () => {
    const titles = new Map(known.map(({ code, title }) => [title, code]));
    for (const { code, title } of known) expect(titles.get(title), title).to.equal(code);
    expect(titles.size).to.equal(new Set(known.map(({ code }) => code)).size);
  });
});
