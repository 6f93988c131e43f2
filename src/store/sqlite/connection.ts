import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { FlotillaError } from '../../errors.js';
import { makeDirectory } from '../../files/make-directory.js';
import { createPrivateFile, removeAccessOfOthers } from '../../files/private-file.js';
import { requireSupportedNode } from '../../supported-node.js';

export type Connection = Database.Database;
export type Statement = Database.Statement<unknown[]>;

/** When commits reach the disk. `full`: each COMMIT syncs. `normal`: SQLite syncs at checkpoints only, and the caller
 *  syncs the write-ahead log before it acknowledges a commit. */
export type Synchronous = 'full' | 'normal';

/** The values of `PRAGMA synchronous`. */
const SYNCHRONOUS: Record<Synchronous, number> = { normal: 1, full: 2 };

/**
 * Opens the only connection that writes. It never waits for a lock inside SQLite, which would block the event loop, but
 * returns SQLITE_BUSY immediately. Creates the file and its folder, readable only by their owner, unless `mustExist`.
 * Throws `node.unsupported`, and `store.io` when the file system does not support durable commits in WAL mode.
 */
export function openWriter(
  path: string,
  { mustExist = false, synchronous = 'full' }: { mustExist?: boolean; synchronous?: Synchronous } = {},
): Connection {
  requireSupportedNode();
  if (!mustExist) {
    makeDirectory(dirname(path));
    createPrivateFile(path); // SQLite creates its other files with the permissions of this one
  }
  for (const file of [path, `${path}-wal`, `${path}-shm`]) removeAccessOfOthers(file);
  const db = new Database(path, { timeout: 0, fileMustExist: mustExist });
  try {
    db.pragma('journal_mode = WAL');
    db.pragma(`synchronous = ${synchronous}`);
    db.pragma('foreign_keys = ON');
    expectPragma(db, 'journal_mode', 'wal');
    expectPragma(db, 'synchronous', SYNCHRONOUS[synchronous]);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Opens the connection that reads committed data; it never waits for the writer. */
export function openReader(path: string): Connection {
  const db = new Database(path, { timeout: 0 });
  db.pragma('query_only = ON');
  return db;
}

function expectPragma(db: Connection, name: string, wanted: unknown): void {
  const found: unknown = db.pragma(name, { simple: true });
  if (found !== wanted)
    throw new FlotillaError('store.io', `PRAGMA ${name} is ${String(found)}, not ${String(wanted)}`);
}
