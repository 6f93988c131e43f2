import { globSync } from 'node:fs';
import { root } from '../root.mjs';
import { brokenLinks } from './links.mjs';

const pages = globSync(['*.md', 'docs/**/*.md', '.github/**/*.md', 'examples/**/*.md'], {
  cwd: root,
  exclude: (path) => path.includes('node_modules') || path === 'docs/reference/api',
});
const broken = brokenLinks(root, pages.filter((page) => !page.startsWith('docs/reference/api/')).sort());
for (const line of broken) process.stdout.write(`${line}\n`);
process.exitCode = broken.length === 0 ? 0 : 1;
