import Database from 'better-sqlite3';
import { errorOf, FlotillaError, messageOf } from '../../errors.js';

/** Maps SQLite failures to registered errors; other errors, such as constraint violations, stay unchanged. */
export function storeError(error: unknown): Error {
  if (!(error instanceof Database.SqliteError)) return errorOf(error);
  const { code } = error;
  // SHMSIZE: the shared memory file of the WAL could not grow because the disk is full
  if (code === 'SQLITE_FULL' || code === 'SQLITE_IOERR_SHMSIZE') {
    return new FlotillaError('store.full', undefined, { cause: error });
  }
  if (isBusy(error)) return new FlotillaError('store.busy', undefined, { cause: error });
  if (code === 'SQLITE_READONLY_DBMOVED') return new FlotillaError('store.moved', undefined, { cause: error });
  if (/^SQLITE_(CORRUPT|NOTADB|IOERR_SHORT_READ)/.test(code)) {
    return new FlotillaError('store.damaged', `${error.message} (${code})`, { cause: error });
  }
  if (/^SQLITE_(IOERR|CANTOPEN|READONLY|PROTOCOL)/.test(code)) {
    return new FlotillaError('store.io', `${error.message} (${code})`, { cause: error });
  }
  return error;
}

/** Whether another connection holds the lock, so that a retry can succeed. */
export function isBusy(error: unknown): boolean {
  return error instanceof Database.SqliteError && /^SQLITE_(BUSY|LOCKED)/.test(error.code);
}

/** Whether a constraint was violated; at a COMMIT, a deferred one. */
export function isConstraint(error: unknown): boolean {
  return error instanceof Database.SqliteError && error.code.startsWith('SQLITE_CONSTRAINT');
}

/** Returns SQLite's code of an error, such as `SQLITE_FULL`; for another error its message. */
export function codeOf(error: unknown): string {
  return error instanceof Database.SqliteError ? error.code : messageOf(error);
}
