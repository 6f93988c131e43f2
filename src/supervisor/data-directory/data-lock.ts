import { existsSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { FlotillaError, messageOf } from '../../errors.js';
import { createPrivateFile } from '../../files/private-file.js';
import { requireDataDir } from './data-dir.js';
import { LOCK_FILES, makePrivate } from './data-files.js';

/** A lock that is held until it is released or this process ends in any way: it is a lock of the operating system, so a
 *  kill -9 leaves nothing that could be mistaken for a running process. */
export interface DataLock {
  release(): void;
}

/** The purpose of a lock: `supervisor` for the one `up` of a data directory, `use` for every process with open files in
 *  it. */
type Purpose = keyof typeof LOCK_FILES;

const LOCK_WAIT_MS = 500;

/** Locks a data directory, which is created if it is missing; returns undefined if another process holds the lock.
 *  Several `shared` locks can coexist, but not with an exclusive one. Files that others could read become private. The
 *  locks are those of SQLite, which work on every system. Throws `config.invalid` for a directory that cannot be
 *  used. */
export function lockData(dataDir: string, purpose: Purpose, kind: 'exclusive' | 'shared'): DataLock | undefined {
  requireDataDir(dataDir);
  makePrivate(dataDir, { broker: purpose === 'supervisor' });
  const file = join(dataDir, LOCK_FILES[purpose]);
  const database = openLock(file);
  try {
    database.pragma('journal_mode = MEMORY');
    database.exec(kind === 'exclusive' ? 'BEGIN EXCLUSIVE' : 'BEGIN; SELECT count(*) FROM sqlite_master');
    return { release: () => database.close() };
  } catch (error) {
    database.close();
    if (error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY')) return undefined;
    throw invalidLock(file, error);
  }
}

function openLock(file: string): Database.Database {
  try {
    createPrivateFile(file);
    return new Database(file, { timeout: LOCK_WAIT_MS });
  } catch (error) {
    throw invalidLock(file, error);
  }
}

function invalidLock(file: string, cause: unknown): FlotillaError {
  return new FlotillaError('config.invalid', `DATA_DIR: ${file} cannot be locked: ${messageOf(cause)}`, { cause });
}

/** Whether this directory has been a data directory of Flotilla. */
export function isDataDir(dataDir: string): boolean {
  return Object.values(LOCK_FILES).some((file) => existsSync(join(dataDir, file)));
}
