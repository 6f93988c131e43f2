import Database from 'better-sqlite3';
import { createPrivateFile } from '../../files/private-file.js';
import type { LeaseLock } from '../store.js';

/** Returns the path of the lock of a lease: `core.db-relay-lock` beside `core.db`. */
export function lockPathOf(path: string, lease: string): string {
  return `${path}-${lease}-lock`;
}

/** Takes the lock of a lease; undefined while another process holds it. The lock is SQLite's lock of a separate file,
 *  which the operating system releases when the process ends. Throws when the file cannot be used. */
export function takeLeaseLock(path: string): LeaseLock | undefined {
  createPrivateFile(path);
  const db = new Database(path, { timeout: 0 });
  try {
    // a commit keeps the lock; no other file, and no sync: after a power failure no holder is alive
    db.pragma('locking_mode = EXCLUSIVE');
    db.pragma('journal_mode = MEMORY');
    db.pragma('synchronous = OFF');
    db.exec('BEGIN EXCLUSIVE; CREATE TABLE IF NOT EXISTS holder (id INTEGER PRIMARY KEY, name TEXT NOT NULL)');
    const previous = db.prepare<[], string>('SELECT name FROM holder').pluck().get();
    db.exec('COMMIT');
    return {
      previous,
      record(holder) {
        try {
          db.prepare('INSERT OR REPLACE INTO holder VALUES (1, ?)').run(holder);
        } catch {
          // the disk is full: the next process waits for the end of the lease
        }
      },
      release: () => void db.close(),
    };
  } catch (error) {
    db.close();
    if (error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY')) return undefined;
    throw error;
  }
}
