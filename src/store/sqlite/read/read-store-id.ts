import { statSync } from 'node:fs';
import { FlotillaError, hasCode } from '../../../errors.js';
import { storeError } from '../sqlite-errors.js';
import { readDatabase } from './read-database.js';

/** Whether a file is a store or its archive. Never throws: an unreadable file is neither. */
export function isStoreFile(path: string): boolean {
  try {
    return readDatabase(
      path,
      (db) => db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'flotilla_events'").get() !== undefined,
    );
  } catch {
    return false;
  }
}

/** Returns the id of the store in a file, without opening it as a store; undefined if the file was written by an
 *  earlier release or is not a store. Changes nothing. Throws `store.damaged` with the file's name. */
export function readStoreId(path: string): string | undefined {
  if (statSync(path).size === 0) throw new FlotillaError('store.damaged', `${path}: it is empty`);
  try {
    return readDatabase(path, (db) => {
      const table = db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'flotilla_store'").pluck().get();
      if (table === undefined) return undefined;
      return db.prepare<unknown[], string>('SELECT id FROM flotilla_store WHERE one = 1').pluck().get();
    });
  } catch (error) {
    const known = storeError(error);
    throw hasCode(known, 'store.damaged') ? new FlotillaError('store.damaged', `${path}: ${known.message}`) : known;
  }
}
