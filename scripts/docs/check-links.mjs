import { root } from '../root.mjs';
import { filesOf } from './files.mjs';
import { brokenLinks } from './links.mjs';

const broken = brokenLinks(root, filesOf(['*.md', 'docs/**/*.md', '.github/**/*.md', 'examples/**/*.md']));
for (const line of broken) process.stdout.write(`${line}\n`);
process.exitCode = broken.length === 0 ? 0 : 1;
