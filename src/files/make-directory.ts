import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** Creates a directory and its missing parents, accessible only to their owner. Returns the created directories, the
 *  outermost first. Throws the error of the system. Replaces `mkdirSync` with `recursive`, which never returns if a
 *  directory cannot be created although its parent exists, as under /proc. */
export function makeDirectory(path: string): string[] {
  const missing: string[] = [];
  for (let folder = path; statSync(folder, { throwIfNoEntry: false }) === undefined; folder = dirname(folder)) {
    missing.unshift(folder);
  }
  return missing.filter(makeOne);
}

/** Returns false if another process has created it. */
function makeOne(folder: string): boolean {
  try {
    mkdirSync(folder, { mode: 0o700 });
    return true;
  } catch (error) {
    if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true) return false;
    throw error;
  }
}
