import type { Connection, Statement } from '../connection.js';

/** Lets several statements of one connection see the same state of the file: without it, another process may commit
 *  between two of them. */
export class ReadView {
  readonly #begin: Statement;
  readonly #end: Statement;

  constructor(private readonly db: Connection) {
    this.#begin = db.prepare<unknown[]>('BEGIN');
    this.#end = db.prepare<unknown[]>('COMMIT');
  }

  /** Inside a transaction that is open already, `step` sees what that sees. */
  run<T>(step: () => T): T {
    if (this.db.inTransaction) return step();
    this.#begin.run();
    try {
      return step();
    } finally {
      // SQLite ends it by itself after an I/O error, which must be heard of
      if (this.db.inTransaction) this.#end.run();
    }
  }
}
