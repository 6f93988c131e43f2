import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { FlotillaError } from '../../../errors.js';
import { isPlainName } from '../../../text/plain-name.js';
import { renderTemplate } from './template.js';

export interface NewFleetOptions {
  /** The folder of the new fleet, absolute. Its name becomes the name of the fleet. */
  folder: string;
  /** The folder of the library. */
  packageRoot: string;
}

/** The code of a new fleet is that of examples/hello-worker, without its README; templates/fleet has everything else. */
const CODE = ['config', 'platform', 'workers', 'test'];

/** The templates have other names for .gitignore, which npm excludes from packages, and .env, which npm reads. */
const DOTFILES: Readonly<Record<string, string>> = { gitignore: '.gitignore', 'env.example': '.env.example' };

/** Creates a fleet with one worker. Resolves with its files, relative to the folder. Throws `name.invalid` or
 *  `folder.not_empty` before anything is written. */
export async function newFleet({ folder, packageRoot }: NewFleetOptions): Promise<string[]> {
  const manifest = JSON.parse(await readFile(join(packageRoot, 'package.json'), 'utf8')) as Manifest;
  const name = basename(folder);
  requireName(name, manifest);
  await requireEmpty(folder);
  const { devDependencies: versions } = manifest;
  const values = {
    name,
    flotilla: await dependencyOn(packageRoot, manifest.version, folder),
    zod: `^${versions['zod']}`,
    typescript: `^${versions['typescript']}`,
    'types-node': `^${versions['@types/node']}`,
  };
  await mkdir(folder, { recursive: true });
  for (const part of CODE) {
    await cp(join(packageRoot, 'examples', 'hello-worker', part), join(folder, part), { recursive: true });
  }
  const template = join(packageRoot, 'templates', 'fleet');
  for (const file of await readdir(template)) {
    const text = await renderTemplate(join(template, file), values);
    await writeFile(join(folder, DOTFILES[file] ?? file), text);
  }
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}

interface Manifest {
  name: string;
  version: string;
  devDependencies: Record<string, string>;
}

/** npm refuses a package that has the name of one of its dependencies. */
function requireName(name: string, { name: own, devDependencies }: Manifest): void {
  if (isPlainName(name) && name.length <= 60 && name !== own && !(name in devDependencies)) return;
  throw new FlotillaError(
    'name.invalid',
    `the fleet cannot be called ${JSON.stringify(name)}; use lower-case letters, digits and single dashes, and not the name of a dependency`,
  );
}

async function requireEmpty(folder: string): Promise<void> {
  const entries = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    if (error.code === 'ENOTDIR') return [basename(folder)];
    throw error;
  });
  if (entries.length > 0) throw new FlotillaError('folder.not_empty', `${folder} has ${entries[0]}`);
}

/** Returns the dependency of a project in `folder` on this library: its version, or the tarball or folder from which
 *  it was installed. */
async function dependencyOn(packageRoot: string, version: string, folder: string): Promise<string> {
  const fileSpec = (path: string) => `file:${relative(folder, path)}`;
  const modules = dirname(packageRoot);
  if (basename(modules) !== 'node_modules') return fileSpec(packageRoot);
  // npm's list of installed packages
  const record = join(modules, '.package-lock.json');
  if (!existsSync(record)) return `^${version}`;
  const { packages } = JSON.parse(await readFile(record, 'utf8')) as {
    packages: Record<string, { resolved?: string }>;
  };
  const { resolved = '' } = packages[`node_modules/${basename(packageRoot)}`] ?? {};
  return resolved.startsWith('file:')
    ? fileSpec(resolve(dirname(modules), resolved.slice('file:'.length)))
    : `^${version}`;
}
