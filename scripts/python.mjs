import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { capture, run } from './run.mjs';
import { SetupError, step } from './step.mjs';
import { installPackages } from './system-package.mjs';

const WHY = 'This publishes from Python with pika';

/** The Python of Debian, for which the Debian package of pika is installed. */
const SYSTEM_PYTHON = '/usr/bin/python3';

/** Returns a Python with the AMQP client pika: the one in PATH, a virtual environment in the cache of the user, which
 *  is created once, or Debian's, which is installed if that is allowed. Throws `SetupError`. */
export async function pythonWithPika() {
  const venv = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'flotilla', 'pika');
  const inVenv = join(venv, 'bin', 'python');
  for (const python of ['python3', inVenv, SYSTEM_PYTHON]) if (await hasPika(python)) return python;
  if (await createVenv(venv)) return inVenv;
  await installPackages(['python3', 'python3-pika'], WHY);
  if (await hasPika(SYSTEM_PYTHON)) return SYSTEM_PYTHON;
  throw new SetupError(`${WHY}. Install Python 3 and run: pip install pika`);
}

async function hasPika(python) {
  if (python.includes('/') && !existsSync(python)) return false;
  return (await capture(python, ['-c', 'import pika'])).code === 0;
}

/** Returns false if Python has no venv or pip reaches no index. */
async function createVenv(folder) {
  if ((await capture('python3', ['-c', 'import ensurepip, venv'])).code !== 0) return false;
  return step('Installing pika', `${WHY}; ${folder} keeps it`, async () => {
    mkdirSync(folder, { recursive: true });
    try {
      await run('python3', ['-m', 'venv', folder]);
      await run(join(folder, 'bin', 'pip'), ['install', '--quiet', '--disable-pip-version-check', 'pika']);
      return true;
    } catch (error) {
      if (!(error instanceof SetupError)) throw error;
      rmSync(folder, { recursive: true, force: true });
      return false;
    }
  });
}
