import { join } from 'node:path';
import { capture } from './run.mjs';
import { ensureNode } from './node.mjs';
import { ensurePackages } from './packages.mjs';
import { root, typescriptOptions } from './root.mjs';
import { exitWith, seconds } from './step.mjs';

const cache = join('node_modules', '.cache');
/** The arguments of node for each check. The first is the program of a package, a script or an option. */
const checks = {
  types: [
    join('node_modules', 'typescript-native', 'bin', 'tsc'),
    '-p',
    '.',
    '--incremental',
    '--tsBuildInfoFile',
    join(cache, 'tsc', 'check.tsbuildinfo'),
  ],
  lint: ['eslint', '.', '--max-warnings=0', '--cache', '--cache-location', join(cache, 'eslint', '/')],
  format: [
    'prettier',
    '--check',
    '.',
    '--log-level=warn',
    '--cache',
    '--cache-location',
    join(cache, 'prettier-check'),
  ],
  layers: [
    'depcruise',
    'src',
    'platform',
    'workers',
    'config',
    'examples',
    '--config',
    '.dependency-cruiser.mjs',
    '--output-type',
    'err',
  ],
  // its outDir tells knip which source a file of dist was compiled from
  unused: ['knip', '--no-progress', '--tsConfig', 'tsconfig.build.json'],
  reference: [...typescriptOptions, join('scripts', 'reference', 'main.ts'), '--check'],
  schemas: [...typescriptOptions, join('src', 'cli', 'main.ts'), 'schemas', 'check'],
  flow: [...typescriptOptions, join('src', 'cli', 'main.ts'), 'flow', '--check'],
  words: [join('scripts', 'docs', 'check-words.mjs')],
  sentences: [join('scripts', 'docs', 'check-sentences.mjs')],
  links: [join('scripts', 'docs', 'check-links.mjs')],
};

/** Runs the checks two at a time, the slow ones first, and prints one line for each, with its output if it fails.
 *  `npm run check -- types lint` runs only these checks. */
async function check(names) {
  const queue = Object.entries(checks).filter(([name]) => names.length === 0 || names.includes(name));
  let failed = 0;
  const work = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [name, [first, ...args]] = next;
      const started = performance.now();
      const { code, output } = await capture(process.execPath, [programOf(first), ...args], {
        cwd: root,
      });
      if (code !== 0) failed += 1;
      process.stdout.write(`${code === 0 ? 'ok  ' : 'FAIL'} ${name.padEnd(9)} ${seconds(started)}\n`);
      if (code !== 0) process.stdout.write(`${output.trimEnd()}\n\n`);
    }
  };
  await Promise.all([work(), work()]);
  return failed;
}

/** Returns an option or a path unchanged, and the path of a package's program otherwise. */
function programOf(first) {
  return /^-|[\\/]/.test(first) ? first : join(root, 'node_modules', '.bin', first);
}

try {
  await ensureNode();
  await ensurePackages();
  process.exitCode = (await check(process.argv.slice(2))) === 0 ? 0 : 1;
} catch (error) {
  exitWith(error);
}
