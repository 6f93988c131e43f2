import Database from 'better-sqlite3';
import { messageOf } from '../../errors.js';
import { createPrivateFile } from '../../files/private-file.js';
import type { Logger } from '../../telemetry/logger.js';
import type { LeaseLock } from '../store.js';

/** Returns the path of the lock of a lease: `core.db-relay-lock` beside `core.db`. */
export function lockPathOf(path: string, lease: string): string {
  return `${path}-${lease}-lock`;
}

/** The locks of the leases of a store. A lock is SQLite's lock of a separate file, which the operating system releases
 *  when the process ends. */
export class LeaseLocks {
  /** A connection for each lock that another process holds. Opening one for each attempt would cost twenty times as much
   *  as the attempt. */
  readonly #waiting = new Map<string, LockFile>();

  /** `path`: of the store. */
  constructor(
    private readonly path: string,
    private readonly logger: Logger,
  ) {}

  /** Takes the lock of a lease; undefined while another process holds it, and when the file cannot be used. */
  take(lease: string): LeaseLock | undefined {
    const file = this.#waiting.get(lease);
    this.#waiting.delete(lease);
    try {
      const waiting = file ?? openLockFile(lockPathOf(this.path, lease));
      const lock = waiting.take();
      if (lock === undefined) this.#waiting.set(lease, waiting);
      return lock;
    } catch (error) {
      this.logger.debug(`store: the lock of the lease ${lease} cannot be used`, { error: messageOf(error) });
      return undefined;
    }
  }

  /** Closes the connections that wait. A lock that was taken is held until its release. */
  close(): void {
    for (const file of this.#waiting.values()) file.close();
    this.#waiting.clear();
  }
}

interface LockFile {
  /** Takes the lock; undefined while another process holds it. The lock then owns the connection. Throws, and closes the
   *  connection, when the file cannot be used. */
  take(): LeaseLock | undefined;
  close(): void;
}

function openLockFile(path: string): LockFile {
  createPrivateFile(path);
  const db = new Database(path, { timeout: 0 });
  const begin = db.prepare('BEGIN EXCLUSIVE');
  return { take: () => takeLock(db, begin), close: () => void db.close() };
}

function takeLock(db: Database.Database, begin: Database.Statement): LeaseLock | undefined {
  const { stackTraceLimit } = Error;
  try {
    Error.stackTraceLimit = 0; // the stack of the usual error would be half of the attempt
    begin.run();
  } catch (error) {
    if (error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY')) return undefined;
    db.close();
    throw error;
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
  try {
    // From now on the end of a transaction keeps the lock. Earlier, processes that wait would keep shared locks, and none
    // would get its own.
    db.exec('PRAGMA locking_mode = EXCLUSIVE; COMMIT');
    // no other file, and no sync: after a power failure no holder is alive
    db.exec('PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF');
    db.exec('CREATE TABLE IF NOT EXISTS holder (id INTEGER PRIMARY KEY, name TEXT NOT NULL)');
    return {
      previous: db.prepare<[], string>('SELECT name FROM holder').pluck().get(),
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
    throw error;
  }
}
