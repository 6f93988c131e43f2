import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
// @ts-expect-error -- a script without types
import { installPackages } from '../../../scripts/system-package.mjs';

const execute = promisify(execFile);
const source = fileURLToPath(new URL('sync-shim.c', import.meta.url));
const COMPILERS = ['cc', 'gcc', 'clang', 'tcc'];

export interface SyncShimOptions {
  /** The folder whose files are concerned, without those of folders in it. */
  folder: string;
  /** A folder that receives a copy of each file when it is synced: the content after a power failure. Without it, files
   *  are synced to the disk. */
  image?: string;
  /** Milliseconds that each sync takes in addition. */
  delay?: number;
  /** A path; syncs fail while a file exists there. */
  failing?: string;
}

/** Resolves with the environment of a process whose syncs the shim replaces (see sync-shim.c). Linux only. Compiles the
 *  shim into the image, or into the folder without one; installs a small compiler if there is none and packages may be
 *  installed. */
export async function syncShim({ folder, image, delay = 0, failing }: SyncShimOptions): Promise<NodeJS.ProcessEnv> {
  return {
    LD_PRELOAD: await compile(image ?? folder),
    SYNC_SHIM_FOLDER: folder,
    SYNC_SHIM_DELAY_MS: String(delay),
    ...(image !== undefined && { SYNC_SHIM_IMAGE: image }),
    ...(failing !== undefined && { SYNC_SHIM_FAIL: failing }),
  };
}

/** Overrides the shim in the environment of a process. */
export const withoutSyncShim: NodeJS.ProcessEnv = { LD_PRELOAD: '' };

async function compile(folder: string): Promise<string> {
  const library = join(folder, 'sync-shim.so');
  if (await compileWithAny(library)) return library;
  const install = installPackages as (packages: string[], why: string) => Promise<boolean>;
  await install(['tcc', 'libc6-dev'], 'Tests of power failures need a C compiler');
  if (await compileWithAny(library)) return library;
  throw new Error(`no C compiler compiled ${source}: install one of ${COMPILERS.join(', ')}`);
}

async function compileWithAny(library: string): Promise<boolean> {
  for (const compiler of COMPILERS) {
    try {
      await execute(compiler, ['-shared', '-fPIC', '-o', library, source, '-ldl']);
      return true;
    } catch {
      continue;
    }
  }
  return false;
}
