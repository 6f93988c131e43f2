import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { capture, run } from './run.mjs';
import { exclusively } from './lock.mjs';
import { root } from './root.mjs';
import { SetupError, step } from './step.mjs';
import { installPackages } from './system-package.mjs';

const lockfile = join(root, 'package-lock.json');
const stamp = join(root, 'node_modules', '.flotilla-packages');

/** Makes node_modules what package-lock.json says, with a SQLite addon that loads in this Node. Costs one small read
 *  when it is so already. */
export async function ensurePackages() {
  if (isStamped()) return;
  await exclusively(async () => {
    if (isStamped()) return;
    if (!matchesLockfile()) {
      await step(
        'Installing packages',
        'node_modules is not what the lock file says; minutes where SQLite is compiled',
        () => run('npm', ['ci', '--include=dev', '--no-audit', '--no-fund'], { cwd: root }),
      );
    }
    await ensureAddon();
    writeFileSync(stamp, fingerprint());
  });
}

/** Changes with the lock file and with whatever a native addon is compiled for. */
function fingerprint() {
  const hash = createHash('sha256').update(readFileSync(lockfile));
  return hash.update(`${process.versions.modules} ${process.platform} ${process.arch}`).digest('hex');
}

function isStamped() {
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === fingerprint();
}

/** npm writes down what it installed; what it left out (optional, for another platform) is not missing. */
function matchesLockfile() {
  const hidden = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(hidden)) return false;
  const installed = JSON.parse(readFileSync(hidden, 'utf8')).packages;
  const wanted = Object.entries(JSON.parse(readFileSync(lockfile, 'utf8')).packages);
  return wanted.every(([path, { version, optional, devOptional, peer }]) => {
    if (path === '') return true;
    return installed[path] === undefined
      ? (optional ?? devOptional ?? peer ?? false)
      : installed[path].version === version;
  });
}

async function ensureAddon() {
  if (await addonLoads()) return;
  const missing = missingTools();
  if (missing.length > 0) {
    const why = 'better-sqlite3 has no prebuilt binary here and must be compiled';
    const packages = missing.map((tool) => tool.debian);
    if (!(await installPackages(packages, why))) {
      throw new SetupError(
        `${why}, but ${missing.map(({ name }) => name).join(', ')} cannot be found. Install them, then run this again:\n` +
          `  Debian, Ubuntu   apt-get install ${packages.join(' ')}\n` +
          `  macOS            xcode-select --install\n` +
          `  Windows          the "Desktop development with C++" workload of Visual Studio Build Tools, and Python 3`,
      );
    }
  }
  await step('Compiling better-sqlite3', 'no prebuilt binary of it loads here; about two minutes', () =>
    run('npm', ['rebuild', 'better-sqlite3', '--foreground-scripts'], { cwd: root }),
  );
  if (!(await addonLoads()))
    throw new SetupError('better-sqlite3 was compiled but does not load; remove node_modules and try again');
}

/** In a process of its own: a broken addon may end the process that loads it. */
async function addonLoads() {
  const program = `new (require('better-sqlite3'))(':memory:').close()`;
  const { code } = await capture(process.execPath, ['-e', program], { cwd: root });
  return code === 0;
}

function missingTools() {
  if (process.platform === 'win32') return [];
  const folders = (process.env.PATH ?? '').split(delimiter);
  const tools = [
    { name: 'python3', debian: 'python3' },
    { name: 'make', debian: 'make' },
    { name: 'g++', debian: 'g++' },
  ];
  return tools.filter(({ name }) => !folders.some((folder) => existsSync(join(folder, name))));
}
