import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { bundle } from './compile.mjs';
import { ensureNode } from './node.mjs';
import { ensurePackages } from './packages.mjs';
import { root } from './root.mjs';
import { attached } from './run.mjs';
import { copyStaticFiles } from './static-files.mjs';
import { exitWith } from './step.mjs';

// Bundles the release, with type checks and declarations of the library. In a checkout, `bin/flotilla` bundles without them.
try {
  await ensureNode();
  await ensurePackages();
  rmSync(join(root, 'dist'), { recursive: true, force: true });
  const tsc = join(root, 'node_modules/typescript-native/bin/tsc');
  process.exitCode = await attached(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: root });
  if (process.exitCode === 0) {
    await bundle({ sourcemap: false });
    copyStaticFiles();
  }
} catch (error) {
  exitWith(error);
}
