import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
// @ts-expect-error -- a script without types
import { MAX_WORDS, sentencesOf } from '../../scripts/docs/sentences.mjs';

const script = fileURLToPath(new URL('../../scripts/docs/check-sentences.mjs', import.meta.url));
const most = MAX_WORDS as number;
const lengths = (...lines: string[]) =>
  (sentencesOf as (text: string) => { line: number; words: number }[])(lines.join('\n')).map(
    ({ line, words }) => `${line}: ${words}`,
  );
const sentence = (words: number) => `${'word '.repeat(words - 1)}end.`;

describe('the length of sentences', () => {
  let folder: string;
  before(() => (folder = mkdtempSync(join(tmpdir(), 'flotilla-sentences-'))));
  after(() => rmSync(folder, { recursive: true }));

  function check(text: string) {
    const file = join(folder, 'page.md');
    writeFileSync(file, text);
    const { status, stdout } = spawnSync(process.execPath, [script, file], { encoding: 'utf8' });
    return { status, stdout: stdout.replaceAll(folder, '') };
  }

  it('is within the limit on every page', () => {
    const { status, stdout } = spawnSync(process.execPath, [script], { encoding: 'utf8' });
    expect(stdout).to.equal('');
    expect(status).to.equal(0);
  });

  it('refuses a longer sentence with file and line', () => {
    const { status, stdout } = check(`# Title\n\nA sentence. ${sentence(3)}\n${sentence(most + 1)}\n`);
    expect(stdout).to.match(new RegExp(`^/page\\.md:4 has a sentence of ${most + 1} words, more than ${most}: word`));
    expect(status).to.equal(1);
  });

  it('accepts a sentence of as many words as are allowed', () => {
    expect(check(sentence(most))).to.deep.equal({ status: 0, stdout: '' });
  });

  it('begins again after a full stop, a list item and a table cell, not after a semicolon', () => {
    expect(lengths('**Cause.** One two; three.', 'Four: five')).to.deep.equal(['1: 1', '1: 3', '2: 2']);
    expect(lengths('- one two', '  three', '1. four', '', 'five')).to.deep.equal(['1: 3', '3: 1', '5: 1']);
    expect(lengths('| a b | c |', '| --- | --- |', '| `x \\| y` z | |')).to.deep.equal(['1: 2', '1: 1', '3: 2']);
  });

  it('counts a code span and a link as one word, and skips code blocks, comments and headings', () => {
    expect(lengths('Run `npm run check` as [the', 'guide](guide.md) describes.')).to.deep.equal(['1: 5']);
    expect(lengths('## Not counted', '```sh', 'not counted', '```', '<!-- nor', 'this -->', 'One.')).to.deep.equal([
      '7: 1',
    ]);
  });
});
