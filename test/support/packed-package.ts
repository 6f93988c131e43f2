import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { atEnd } from './clean-up.js';

const execute = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));

/** npm, npx and their child processes use the Node.js of this run. */
export const npmEnv: NodeJS.ProcessEnv = {
  ...process.env,
  PATH: [dirname(process.execPath), process.env.PATH].join(delimiter),
};

/** Standard output of a program. Rejects with all of its output when it fails. */
export async function run(cwd: string, program: string, args: readonly string[], more: NodeJS.ProcessEnv = {}) {
  const options = { cwd, env: { ...npmEnv, ...more }, maxBuffer: 50_000_000 };
  return execute(program, args, options).then(
    ({ stdout }) => stdout,
    (error: Error & { stdout: string; stderr: string }) => {
      throw new Error(`${error.message}\n${error.stdout}\n${error.stderr}`);
    },
  );
}

let packing: Promise<string> | undefined;

/** The tarball of the package, built once for the whole run and deleted when the run ends. The first call takes half a
 *  minute. */
export function packedPackage(): Promise<string> {
  return (packing ??= pack());
}

/** Packs a copy of this checkout, because packing builds it and concurrent tests use the dist of the checkout. */
async function pack(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'flotilla-packed-'));
  atEnd(() => rm(folder, { recursive: true, force: true }));
  const copy = join(folder, 'source');
  const left = new Set(['node_modules', 'dist', 'data', 'coverage', '.git', 'test', 'bench', 'docs']);
  await mkdir(copy);
  for (const name of await readdir(root)) {
    if (!left.has(name)) await cp(join(root, name), join(copy, name), { recursive: true });
  }
  await symlink(join(root, 'node_modules'), join(copy, 'node_modules'));
  await run(copy, 'npm', ['pack', '--pack-destination', folder]);
  const name = (await readdir(folder)).find((file) => file.endsWith('.tgz')) ?? 'no tarball';
  await rm(copy, { recursive: true });
  return join(folder, name);
}
