import type { Connection, Statement } from '../connection.js';

/**
 * A bounded cache in front of a table of names and of the integer keys that rows store in their place. It must never
 * contain more than the table: entries added inside a transaction are removed when it is rolled back, because the key may
 * then be assigned to another name. Rows are never deleted, so committed entries stay valid whichever process wrote them.
 */
export class NameCache {
  /** Two halves: when the newer one is full it becomes the older one, and the older one is dropped as a whole. Removing the
   *  oldest name from one map costs 2 to 11 µs each, as a map walks over deleted entries. */
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

  /** The key of a name; undefined where it has none yet. */
  find(name: string): number | undefined {
    const known = this.#newer.get(name);
    if (known !== undefined) return known;
    const earlier = this.#older.get(name);
    if (earlier !== undefined) return this.#remember(name, earlier);
    const found = this.#select.get(name);
    return typeof found === 'number' ? this.#cacheNew(name, found) : undefined;
  }

  /** Inserts a name that has no key yet. Needs the write lock, as everything below. */
  add(name: string): number {
    return this.#cacheNew(name, Number(this.#insert.run(name).lastInsertRowid));
  }

  keyOf(name: string): number {
    return this.find(name) ?? this.add(name);
  }

  /** How many entries this transaction has added so far; for `forgetSince`. */
  mark(): number {
    return this.#added.length;
  }

  /** Removes the entries added since the mark, when their savepoint or transaction is rolled back. */
  forgetSince(mark: number): void {
    for (const name of this.#added.splice(mark)) {
      this.#newer.delete(name);
      this.#older.delete(name);
    }
  }

  /** The transaction is committed. */
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
