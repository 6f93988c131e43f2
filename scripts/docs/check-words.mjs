import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../root.mjs';
import { filesOf } from './files.mjs';
import { userTexts } from './user-texts.mjs';
import { wordsIn } from './words.mjs';

/** Texts that users read: pages, and the string literals of the source. The generated pages have the texts of --help, of
 *  errors and of metrics. */
const checked = [
  '*.md',
  'docs/**/*.md',
  '.github/**/*.md',
  '{src,platform,workers,config,examples,templates}/**/*.ts',
  'bin/*',
];
const given = process.argv.slice(2);

let found = 0;
for (const file of filesOf(given.length > 0 ? given : checked)) {
  const text = readFileSync(join(root, file), 'utf8');
  for (const { word, instead, line } of wordsIn(
    file.endsWith('.ts') ? userTexts(text, { titlesOnly: file.endsWith('.test.ts') }) : text,
  )) {
    found += 1;
    process.stdout.write(`${file}:${line} has "${word}": ${instead}\n`);
  }
}
process.exitCode = found === 0 ? 0 : 1;
