import { createInterface } from 'node:readline/promises';
import { run } from './run.mjs';
import { step, SetupError } from './step.mjs';

/** Whether this process may install packages of the system, by FLOTILLA_INSTALL: `always`, `never`, or `ask` (default):
 *  on a terminal the person is asked, without one only root installs. Never by sudo. */
async function allowed(packages, why) {
  const mode = process.env.FLOTILLA_INSTALL ?? 'ask';
  if (mode === 'never' || process.platform !== 'linux' || process.getuid() !== 0) return false;
  if (mode === 'always' || !process.stdin.isTTY) return true;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`${why}. Install ${packages.join(', ')} with apt-get now? [Y/n] `);
    return /^(y(es)?)?$/i.test(answer.trim());
  } finally {
    terminal.close();
  }
}

/** Installs packages of Debian or one of its kin. Gives false where it may not, or where there is no apt-get:
 *  the caller then says what to do by hand. Throws `SetupError` when apt-get fails. */
export async function installPackages(packages, why) {
  if (!(await hasApt()) || !(await allowed(packages, why))) return false;
  await step(`Installing ${packages.join(', ')}`, why, async () => {
    const env = { DEBIAN_FRONTEND: 'noninteractive' };
    const install = ['install', '-y', '--no-install-recommends', ...packages];
    try {
      await run('apt-get', install, { env });
    } catch (error) {
      if (!(error instanceof SetupError)) throw error;
      // Package lists are absent or old on a fresh image.
      await run('apt-get', ['update'], { env });
      await run('apt-get', install, { env });
    }
  });
  return true;
}

async function hasApt() {
  try {
    await run('apt-get', ['--version']);
    return true;
  } catch {
    return false;
  }
}
