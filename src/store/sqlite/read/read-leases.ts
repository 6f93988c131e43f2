import type { LeaseRow } from '../tables/checkpoints.js';
import { readDatabase } from './read-database.js';

/** A lease in a file; its last row if it has expired. */
export interface RecordedLease extends LeaseRow {
  name: string;
}

/** Returns the leases in the file of a store, without opening it as a store. Changes nothing. Throws the error of SQLite
 *  if the file cannot be read. */
export function readLeases(path: string): RecordedLease[] {
  // a file of an earlier release has no column `ttl`
  const rows = readDatabase(path, (db) => db.prepare<[], RecordedLease>('SELECT * FROM flotilla_leases').all());
  return rows.map((row) => ({ ...row, ttl: (row.ttl as number | null | undefined) ?? null }));
}
