import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { ensureNode } from './node.mjs';
import { ensurePackages } from './packages.mjs';
import { root } from './root.mjs';
import { attached } from './run.mjs';
import { exitWith } from './step.mjs';

// Compiles the release, with type checks and declarations. In a checkout, `bin/flotilla` compiles faster, without them.
try {
  await ensureNode();
  await ensurePackages();
  rmSync(join(root, 'dist'), { recursive: true, force: true });
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  process.exitCode = await attached(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: root });
} catch (error) {
  exitWith(error);
}
