import { readFileSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';

/** A file system in memory that most Linux systems have. Containers often limit it to 64 MB, and forbid to run programs
 *  from it. */
const IN_MEMORY = '/dev/shm';

/** Returns the folder for temporary files: TMPDIR if it is set; otherwise one in memory, if programs can run from it,
 *  and it and the memory have `space` bytes left; otherwise the folder of the system. */
export function temporaryFolder(space) {
  return process.env.TMPDIR === undefined && hasRoom(IN_MEMORY, space) ? IN_MEMORY : tmpdir();
}

function hasRoom(folder, space) {
  try {
    const mounts = readFileSync('/proc/mounts', 'utf8').split('\n');
    const [, , , options = 'noexec'] = mounts.map((line) => line.split(' ')).find(([, path]) => path === folder) ?? [];
    const { bavail, bsize } = statfsSync(folder);
    return !options.split(',').includes('noexec') && Math.min(bavail * bsize, process.availableMemory()) >= space;
  } catch {
    return false;
  }
}
