import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './run.mjs';
import { exclusively } from './lock.mjs';
import { root } from './root.mjs';
import { step } from './step.mjs';

const lockfile = join(root, 'package-lock.json');
const stamp = join(root, 'node_modules', '.flotilla-packages');

/** Installs the packages of package-lock.json unless node_modules matches it, which costs one small read. */
export async function ensurePackages() {
  if (isStamped()) return;
  await exclusively(async () => {
    if (isStamped()) return;
    if (!matchesLockfile()) {
      await step('Installing packages', 'node_modules does not match the lock file', () =>
        run('npm', ['ci', '--include=dev', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: root }),
      );
    }
    writeFileSync(stamp, fingerprint());
  });
}

/** Changes with the lock file and with the platform of native packages. */
function fingerprint() {
  const hash = createHash('sha256').update(readFileSync(lockfile));
  return hash.update(`${process.platform} ${process.arch}`).digest('hex');
}

function isStamped() {
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === fingerprint();
}

/** Compares with npm's list of installed packages. Optional packages for other platforms may be absent. */
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
