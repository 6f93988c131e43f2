import { createInterface } from 'node:readline/promises';
import { run } from './run.mjs';
import { step, SetupError } from './step.mjs';

/** Returns whether this process may install system packages. Only root may; sudo is never used. FLOTILLA_INSTALL is
 *  `always`, `never`, or `ask` (default), which asks on a terminal and installs without one. */
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

/** Installs packages of Debian or a derivative. Resolves with false if the installation is not allowed or apt-get is
 *  missing; the caller then prints instructions. Throws `SetupError` if apt-get fails. */
export async function installPackages(packages, why) {
  if (!(await hasApt()) || !(await allowed(packages, why))) return false;
  await step(`Installing ${packages.join(', ')}`, why, async () => {
    const env = { DEBIAN_FRONTEND: 'noninteractive' };
    const install = ['install', '-y', '--no-install-recommends', ...packages];
    try {
      await run('apt-get', install, { env });
    } catch (error) {
      if (!(error instanceof SetupError)) throw error;
      // package lists are missing or outdated on a new image
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
