import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { root } from '../root.mjs';
import { filesOf } from './files.mjs';
import { longSentences, MAX_WORDS } from './sentences.mjs';

/** Pages that are read from beginning to end. Reference pages are generated, and texts of --help are short. */
const checked = ['*.md', 'docs/**/*.md', 'examples/**/*.md', 'templates/**/*.md'];
const isRead = (file) => file !== 'CHANGELOG.md' && !file.startsWith('docs/reference/');
const given = process.argv.slice(2);

let found = 0;
for (const file of given.length > 0 ? given : filesOf(checked).filter(isRead)) {
  for (const { line, words, text } of longSentences(readFileSync(resolve(root, file), 'utf8'))) {
    found += 1;
    process.stdout.write(`${file}:${line} has a sentence of ${words} words, more than ${MAX_WORDS}: ${text}\n`);
  }
}
process.exitCode = found === 0 ? 0 : 1;
