import { existsSync } from 'node:fs';
import Database from 'better-sqlite3';
import type { Connection } from '../connection.js';

/** Reads a database file without changing its content, and leaves no new files beside it. Throws the error of SQLite if
 *  it does not exist or is not a database. */
export function readDatabase<T>(path: string, read: (db: Connection) => T): T {
  const db = openForReading(path);
  try {
    return read(db);
  } finally {
    db.close();
  }
}

/** Opens a database file of which only the content is read, beside any process that writes to it; the caller closes it.
 *  Throws as `readDatabase`. */
export function openForReading(path: string): Connection {
  // a read-only connection creates the files of the write-ahead log, and leaves them when it closes; the last writable
  // connection removes them. Without a log, that one has nothing to write into the database.
  const hasLog = existsSync(`${path}-wal`);
  const db = new Database(path, { readonly: hasLog, fileMustExist: true });
  if (!hasLog) db.pragma('query_only = ON');
  return db;
}
