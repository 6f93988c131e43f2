import { join } from 'node:path';
import { ensureNode } from './node.mjs';
import { ensurePackages } from './packages.mjs';
import { root } from './root.mjs';
import { attached } from './run.mjs';
import { exitWith } from './step.mjs';

const paths = process.argv.slice(2);

try {
  await ensureNode();
  await ensurePackages();
  const prettier = join(root, 'node_modules/prettier/bin/prettier.cjs');
  process.exitCode = await attached(process.execPath, [prettier, '--write', ...(paths.length > 0 ? paths : ['.'])], {
    cwd: root,
  });
} catch (error) {
  exitWith(error);
}
