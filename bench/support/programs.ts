import { execFile } from 'node:child_process';
import { access, constants, readdir } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

/** The benchmark needs a program that this machine does not have. */
export class NotInstalledError extends Error {
  constructor(debianPackage: string) {
    super(`not installed: apt install ${debianPackage}`);
  }
}

/** Returns the path of a program in PATH or in one of the other folders. Throws `NotInstalledError`. */
export async function findProgram(name: string, debianPackage: string, folders: readonly string[] = []) {
  for (const folder of [...folders, ...(process.env.PATH ?? '').split(delimiter)]) {
    const path = join(folder, name);
    const found = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return path;
  }
  throw new NotInstalledError(debianPackage);
}

/** Returns the folders in which Debian installs the programs of PostgreSQL, the newest version first. */
export async function postgresFolders(): Promise<string[]> {
  const root = '/usr/lib/postgresql';
  const versions = await readdir(root).catch(() => []);
  return versions.sort((a, b) => Number(b) - Number(a)).map((version) => join(root, version, 'bin'));
}

/** Returns the ids of a user under which to run a server that refuses to run as root; undefined unless this process
 *  runs as root. */
export async function unprivilegedUser(name: string): Promise<{ uid: number; gid: number } | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const read = async (option: string) => Number((await promisify(execFile)('id', [option, name])).stdout);
  return { uid: await read('-u'), gid: await read('-g') };
}
