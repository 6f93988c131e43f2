import type { Connection, Statement } from '../connection.js';

/** A bounded cache for a table of names and the integer keys that rows store in their place. It must never contain
 *  more than the table: entries added inside a transaction are removed on rollback, because the key may then be
 *  assigned to another name. Rows are never deleted, so committed entries stay valid, whichever process wrote them. */
export class NameCache {
  /** Two generations: a full newer one becomes the older one, and the older one is dropped as a whole. Removing
   *  single names from one map takes 2 to 11 µs each, because a map walks over deleted entries. */
  #newer = new Map<string, number>();
  #older = new Map<string, number>();
  readonly #added: string[] = [];
  readonly #select: Statement;
  readonly #insert: Statement;

  constructor(
    db: Connection,
    table: 'flotilla_streams' | 'flotilla_types' | 'flotilla_consumers',
    private readonly bound: number,
  ) {
    this.#select = db.prepare<unknown[]>(`SELECT id FROM ${table} WHERE name = ?`).pluck();
    this.#insert = db.prepare<unknown[]>(`INSERT INTO ${table} (name) VALUES (?)`);
  }

  /** Returns the key of a name; undefined if it has none yet. */
  find(name: string): number | undefined {
    const known = this.#newer.get(name);
    if (known !== undefined) return known;
    const earlier = this.#older.get(name);
    if (earlier !== undefined) return this.#remember(name, earlier);
    const found = this.#select.get(name);
    return typeof found === 'number' ? this.#cacheNew(name, found) : undefined;
  }

  /** Inserts a name that has no key yet. Needs the write lock, like the methods below. */
  add(name: string): number {
    return this.#cacheNew(name, Number(this.#insert.run(name).lastInsertRowid));
  }

  keyOf(name: string): number {
    return this.find(name) ?? this.add(name);
  }

  /** Returns the number of entries added in this transaction, for `forgetSince`. */
  mark(): number {
    return this.#added.length;
  }

  /** Removes the entries added since the mark, after a rollback of their savepoint or transaction. */
  forgetSince(mark: number): void {
    for (const name of this.#added.splice(mark)) {
      this.#newer.delete(name);
      this.#older.delete(name);
    }
  }

  /** Keeps the added entries: the transaction is committed. */
  keep(): void {
    this.#added.length = 0;
  }

  #cacheNew(name: string, key: number): number {
    this.#added.push(name);
    return this.#remember(name, key);
  }

  #remember(name: string, key: number): number {
    if (this.#newer.size >= this.bound / 2) {
      this.#older = this.#newer;
      this.#newer = new Map();
    }
    this.#newer.set(name, key);
    return key;
  }
}
