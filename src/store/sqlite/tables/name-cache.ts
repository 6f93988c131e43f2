import type { Connection, Statement } from '../connection.js';

/**
 * Names and the integers that stand for them in rows. A bounded memory in front of the table, which must never know
 * more than the table does: what is learnt inside a transaction is forgotten when that is rolled back, because the
 * integer may then be given to another name. Rows are never deleted, so what is committed stays true whoever wrote it.
 */
export class Interned {
  /** Two halves: when the newer one is full it becomes the older one, and the older one is let go as a whole. To take the
   *  oldest name out of one map, name by name, costs 2 to 11 µs each, as a map walks over what was deleted before. */
  #newer = new Map<string, number>();
  #older = new Map<string, number>();
  readonly #learnt: string[] = [];
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
    return typeof found === 'number' ? this.#learn(name, found) : undefined;
  }

  /** Gives a name that has none a key. Needs the write lock, as everything below. */
  add(name: string): number {
    return this.#learn(name, Number(this.#insert.run(name).lastInsertRowid));
  }

  keyOf(name: string): number {
    return this.find(name) ?? this.add(name);
  }

  /** How much this transaction has learnt so far; for `forgetSince`. */
  mark(): number {
    return this.#learnt.length;
  }

  /** Undoes what was learnt since the mark, with the savepoint or transaction in which it was. */
  forgetSince(mark: number): void {
    for (const name of this.#learnt.splice(mark)) {
      this.#newer.delete(name);
      this.#older.delete(name);
    }
  }

  /** The transaction is committed. */
  keep(): void {
    this.#learnt.length = 0;
  }

  #learn(name: string, key: number): number {
    this.#learnt.push(name);
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
