import { setImmediate } from 'node:timers/promises';
import type { Connection } from '../connection.js';
import { retryWhileBusy } from '../write/retry-while-busy.js';
import { openForReading } from './read-database.js';

/** The key of a row, and other columns. */
export type ScannedRow<Key> = readonly [key: Key, ...columns: unknown[]];

export interface ScanOptions<Key> {
  after: Key;
  values?: Readonly<Record<string, unknown>>;
  signal: AbortSignal;
  between?: (last: Key) => Promise<void>;
}

const ROWS_PER_READ = 1_000;

/** Reads whole tables of a database file beside processes that write to it. Every thousand rows are read in a
 *  transaction of their own: no writer waits for it, and the write-ahead log can be reset in between. */
export class TableScan {
  readonly #db: Connection;

  /** Throws the error of SQLite if the file does not exist or is not a database. */
  constructor(path: string) {
    this.#db = openForReading(path);
  }

  has(table: string): boolean {
    return this.row('SELECT 1 FROM sqlite_schema WHERE name = ?', table) !== undefined;
  }

  /** Returns the columns of one row; undefined if there is none. */
  row(text: string, ...values: readonly unknown[]): unknown[] | undefined {
    const statement = this.#db.prepare<unknown[]>(text).raw();
    return statement.get(...values) as unknown[] | undefined;
  }

  /** Calls `visit` for the rows of a statement in the order of their keys, after the key `after`: `SELECT key, … WHERE key
   *  > @after ORDER BY key LIMIT +@limit`; `values` are further parameters. Only one row is in memory. Yields to the
   *  event loop after every thousand rows; calls `between`, if given, with their last key. Ends early when the signal
   *  aborts. Rejects with registered errors and with those of `visit`. */
  async each<Key, Row extends ScannedRow<Key>>(
    text: string,
    { after, values = {}, signal, between }: ScanOptions<Key>,
    visit: (row: Row) => void,
  ): Promise<void> {
    const statement = this.#db.prepare<unknown[]>(text).raw();
    for (let last = after; !signal.aborted;) {
      const from = last;
      await retryWhileBusy(() => {
        // after a failure in between, continues after the last visited row
        for (const row of statement.iterate({ ...values, after: last, limit: ROWS_PER_READ }) as Iterable<Row>) {
          visit(row);
          [last] = row;
        }
      });
      if (last === from) return;
      await between?.(last);
      await setImmediate();
    }
  }

  close(): void {
    this.#db.close();
  }
}
