import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** Creates a directory with the parents that are missing, all for their owner alone, and gives what it created, the
 *  outermost first. Throws the
 *  error of the system. `mkdirSync` with `recursive` never returns where a folder cannot be created although its parent
 *  exists, as under /proc. */
export function makeDirectory(path: string): string[] {
  const missing: string[] = [];
  for (let folder = path; statSync(folder, { throwIfNoEntry: false }) === undefined; folder = dirname(folder)) {
    missing.unshift(folder);
  }
  return missing.filter(makeOne);
}

/** False where another process was quicker. */
function makeOne(folder: string): boolean {
  try {
    mkdirSync(folder, { mode: 0o700 });
    return true;
  } catch (error) {
    if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true) return false;
    throw error;
  }
}
