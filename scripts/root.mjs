import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** The folder of package.json. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** The options of node that run TypeScript of this checkout, in whichever folder the process starts. */
export const typescriptOptions = [
  `--import=${pathToFileURL(join(root, 'scripts/typescript.mjs')).href}`,
  '--conditions=flotilla-source',
];
