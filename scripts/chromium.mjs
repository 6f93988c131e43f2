import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { say, SetupError } from './step.mjs';
import { installPackages } from './system-package.mjs';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** The path of an installed Chromium or Chrome; undefined without one. */
export function findChromium() {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find((path) => existsSync(path));
}

/** Installs Chromium if it is missing and the installation is allowed. Otherwise says which tests are pending: no other
 *  test needs a browser. */
export async function ensureChromium(why) {
  if (findChromium() !== undefined) return;
  const failure = await installPackages(['chromium'], why).catch((error) => {
    if (error instanceof SetupError) return error;
    throw error;
  });
  if (findChromium() !== undefined) return;
  const reason = failure instanceof Error ? ` (${failure.message.split('\n', 1).join('')})` : '';
  say(`${why}, but Chromium is not installed${reason}: these tests are pending. Debian: apt-get install chromium`);
}
