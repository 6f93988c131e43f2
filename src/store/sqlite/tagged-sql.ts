import type { SqlValue } from '../store.js';
import type { Connection, Statement } from './connection.js';

/** Statements that would end or bypass the transaction that the units of a group share. */
const CONTROL = /^\s*(begin|commit|end|rollback|savepoint|release|attach|detach|vacuum|pragma)\b/i;

/** Runs tagged templates on one connection. Each template in the source is prepared once. */
export class TaggedSql {
  readonly #prepared = new WeakMap<TemplateStringsArray, Statement>();

  constructor(private readonly db: Connection) {}

  prepare(text: TemplateStringsArray): Statement {
    const known = this.#prepared.get(text);
    if (known !== undefined) return known;
    const joined = text.join('?');
    if (CONTROL.test(joined)) throw new TypeError(`The store begins and ends transactions itself: ${joined.trim()}`);
    const statement = this.db.prepare<unknown[]>(joined);
    this.#prepared.set(text, statement);
    return statement;
  }

  /** Returns the rows; none for a statement without a result. */
  run<Row>(statement: Statement, values: SqlValue[]): Row[] {
    if (statement.reader) return statement.all(...values) as Row[]; // the caller declares the columns
    statement.run(...values);
    return [];
  }
}
