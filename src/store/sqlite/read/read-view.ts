import type { Connection, Statement } from '../connection.js';

/** Lets several statements of one connection see the same state of the file; without it, another process may commit
 *  between them. */
export class ReadView {
  readonly #begin: Statement;
  readonly #end: Statement;

  constructor(private readonly db: Connection) {
    this.#begin = db.prepare<unknown[]>('BEGIN');
    this.#end = db.prepare<unknown[]>('COMMIT');
  }

  /** Runs `step` in one view; inside an open transaction, in the view of that transaction. */
  run<T>(step: () => T): T {
    if (this.db.inTransaction) return step();
    this.#begin.run();
    try {
      return step();
    } finally {
      // after an I/O error SQLite has ended the transaction itself; the error must reach the caller
      if (this.db.inTransaction) this.#end.run();
    }
  }
}
