import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { FlotillaError } from '../../errors.js';
import { makeDirectory } from '../../files/make-directory.js';
import { createPrivateFile, removeAccessOfOthers } from '../../files/private-file.js';
import { requireSupportedNode } from '../../supported-node.js';

export type Connection = Database.Database;
export type Statement = Database.Statement<unknown[]>;

/** `PRAGMA synchronous`: every commit reaches the disk before it is answered. */
const FULL = 2;

/** The one connection that writes. Never waits inside SQLite for a lock, because that would stop the event loop:
 *  it answers SQLITE_BUSY at once. Creates the file and its folder, unless it must exist; only their owner can read them.
 *  Throws `node.unsupported`, and `store.io` when the file system cannot give durable commits in WAL mode. */
export function openWriter(path: string, { mustExist = false }: { mustExist?: boolean } = {}): Connection {
  requireSupportedNode();
  if (!mustExist) {
    makeDirectory(dirname(path));
    createPrivateFile(path); // SQLite gives its other files the permissions of this one
  }
  for (const file of [path, `${path}-wal`, `${path}-shm`]) removeAccessOfOthers(file);
  const db = new Database(path, { timeout: 0, fileMustExist: mustExist });
  try {
    db.pragma('journal_mode = WAL');
    db.pragma('synchronous = FULL');
    db.pragma('foreign_keys = ON');
    expectPragma(db, 'journal_mode', 'wal');
    expectPragma(db, 'synchronous', FULL);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** The connection that reads what is committed; it never waits for the writer. */
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
