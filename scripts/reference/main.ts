import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { outdated } from './compare.js';
import { referencePages } from './pages.js';

// Writes the generated pages of docs/reference/, or with --check compares them with the files.
const folder = join(import.meta.dirname, '../../docs/reference');
const pages = await referencePages();

if (process.argv.includes('--check')) {
  const differences = outdated(pages, folder);
  for (const difference of differences) process.stdout.write(`docs/reference/${difference}\n`);
  if (differences.length > 0) process.stdout.write('Run npm run docs:reference and commit the pages.\n');
  process.exitCode = differences.length === 0 ? 0 : 1;
} else {
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(pages)) writeFileSync(join(folder, name), text);
}
