import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../root.mjs';
import { filesOf } from './files.mjs';
import { userTexts } from './user-texts.mjs';
import { wordsIn } from './words.mjs';

/** Pages, the string literals of the source, the titles of tests, and the comments and texts of benchmarks and
 *  scripts. The generated pages contain the texts of --help, errors and metrics. */
const checked = [
  '*.md',
  'docs/**/*.md',
  '.github/**/*.md',
  '{src,platform,workers,config,examples,templates}/**/*.ts',
  'bin/*',
  'test/**/*.test.ts',
  'deploy/**/*.yml',
  '{bench,scripts}/**/*.{ts,mjs,sh}',
];
const given = process.argv.slice(2);

let found = 0;
for (const file of filesOf(given.length > 0 ? given : checked)) {
  if (file === 'scripts/docs/words.mjs') continue;
  for (const { word, instead, line } of wordsIn(checkedText(file))) {
    found += 1;
    process.stdout.write(`${file}:${line} has "${word}": ${instead}\n`);
  }
}

function checkedText(file) {
  const text = readFileSync(join(root, file), 'utf8');
  const isWhole = !file.endsWith('.ts') || /^(bench|scripts)\//.test(file);
  return isWhole ? text : userTexts(text, { titlesOnly: file.endsWith('.test.ts') });
}

process.exitCode = found === 0 ? 0 : 1;
