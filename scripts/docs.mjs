import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ensureNode } from './node.mjs';
import { ensurePackages } from './packages.mjs';
import { root, typescriptOptions } from './root.mjs';
import { attached, run } from './run.mjs';
import { exitWith, SetupError, step } from './step.mjs';

// `reference` writes the generated pages of docs/reference/; `build` builds the site in dist/docs; `serve` serves the
// site on a loopback address until Ctrl-C and updates changed pages.
const vitepress = join('node_modules', 'vitepress', 'bin', 'vitepress.js');
const [task = 'serve', ...args] = process.argv.slice(2);

try {
  await ensureNode();
  await ensurePackages();
  if (task === 'reference') await reference();
  else if (task === 'build') await build();
  else if (task === 'serve') await serve();
  else throw new SetupError(`There is no task ${task}: use reference, build or serve.`);
} catch (error) {
  exitWith(error);
}

function reference() {
  return run(process.execPath, [...typescriptOptions, 'scripts/reference/main.ts'], { cwd: root });
}

async function build() {
  await api();
  await step('Building the site', 'dist/docs', () =>
    run(process.execPath, [vitepress, 'build', 'docs'], { cwd: root }),
  );
}

async function serve() {
  if (!existsSync(join(root, 'docs', 'reference', 'api'))) await api();
  const flags = ['dev', 'docs', '--host', '127.0.0.1', ...args];
  process.exitCode = await attached(process.execPath, [vitepress, ...flags], { cwd: root });
}

function api() {
  return step('Generating the API reference', 'it is not committed', () =>
    run(process.execPath, [join('node_modules', 'typedoc', 'bin', 'typedoc')], { cwd: root }),
  );
}
