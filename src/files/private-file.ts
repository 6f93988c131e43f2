import { chmodSync, closeSync, lstatSync, openSync } from 'node:fs';

/** Permissions of group and others. */
const OTHERS = 0o077;

/** Creates an empty file that only its owner can read, unless the path exists. An existing file is not opened:
 *  closing a descriptor would release the locks that SQLite holds on the file in this process. */
export function createPrivateFile(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if (!hasErrno(error, 'EEXIST')) throw error;
  }
}

/** Removes the permissions of group and others from a file or folder of this user. Skips symbolic links and files of
 *  other users. */
export function removeAccessOfOthers(path: string): void {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined || stats.isSymbolicLink() || (stats.mode & OTHERS) === 0) return;
  if (process.getuid !== undefined && stats.uid !== process.getuid()) return;
  try {
    chmodSync(path, stats.mode & 0o7777 & ~OTHERS);
  } catch (error) {
    if (!hasErrno(error, 'ENOENT')) throw error; // removed by another process
  }
}

function hasErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
