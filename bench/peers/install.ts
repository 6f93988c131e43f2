import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, copyFile, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const packages = fileURLToPath(new URL('packages/', import.meta.url));
const MANIFESTS = ['package.json', 'package-lock.json'] as const;

/** The versions of the compared libraries. */
export async function peerVersions(): Promise<Readonly<Record<string, string>>> {
  const { dependencies } = JSON.parse(await readFile(join(packages, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  return dependencies;
}

/** Installs the compared libraries into the cache folder of the user, without their install scripts, unless these
 *  versions are there already. Resolves with the folder. */
export async function installPeers(): Promise<string> {
  const hash = createHash('sha256');
  for (const name of MANIFESTS) hash.update(await readFile(join(packages, name)));
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'flotilla');
  const folder = join(cache, `bench-peers-${hash.digest('hex').slice(0, 12)}`);
  const installed = await access(folder).then(
    () => true,
    () => false,
  );
  if (installed) return folder;
  console.log(`  installing the compared libraries into ${folder} …`);
  await mkdir(cache, { recursive: true });
  const temporary = await mkdtemp(`${folder}-`);
  try {
    for (const name of MANIFESTS) await copyFile(join(packages, name), join(temporary, name));
    await promisify(execFile)('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: temporary });
    await rename(temporary, folder);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  return folder;
}

/** Loads a package from the folder of `installPeers`, as the part of its API that the caller declares. */
export function loadPackage<Api>(folder: string, name: string): Api {
  return createRequire(join(folder, 'package.json'))(name) as Api;
}
