import type { SqlValue, Store } from '../../store/store.js';
import { keyOf } from '../define-projection.js';
import type { Generation } from '../tables/generations.js';
import { physicalName, template } from '../tables/physical-names.js';
import type { ProjectionDefinition } from '../definition.js';

type Row = Record<string, SqlValue>;

/** A row that differs between two generations of a table. */
export interface RowDifference {
  kind: 'only old' | 'only new' | 'changed';
  key: Row;
  /** The columns that differ; all columns if only one side has the row. */
  old?: Row;
  new?: Row;
}

/** The difference of a table between the new and the old model. */
export interface TableDifference {
  table: string;
  /** Why the tables cannot be compared; the counts are then 0. */
  incomparable?: string;
  /** Number of rows of the new table. */
  rows: number;
  onlyOld: number;
  onlyNew: number;
  changed: number;
  /** The first differences. */
  sample: RowDifference[];
}

const ROWS_PER_PAGE = 1_000;
const SAMPLE_ROWS = 10;

export interface DifferenceOptions {
  definition: ProjectionDefinition;
  old: Generation;
  generation: number;
  /** Called between pages. */
  onPage: () => Promise<void>;
}

/** Compares each table of two generations row by row, in pages. Neither may be written in the meantime. */
export async function differenceOf(store: Store, options: DifferenceOptions): Promise<TableDifference[]> {
  const { definition, old } = options;
  const found: TableDifference[] = [];
  for (const [table, sql] of Object.entries(definition.tables)) {
    const comparison = new Comparison(store, options, table, keyOf(sql));
    found.push(await comparison.run());
  }
  for (const table of old.tables.filter((each) => !(each in definition.tables))) {
    found.push({ ...empty(table), incomparable: 'the new model has no such table' });
  }
  return found;
}

/** Whether old and new are equal, as far as they could be compared. */
export function isSame(differences: readonly TableDifference[]): boolean {
  return differences.every(
    ({ incomparable, onlyOld, onlyNew, changed }) => incomparable === undefined && onlyOld + onlyNew + changed === 0,
  );
}

function empty(table: string): TableDifference {
  return { table, rows: 0, onlyOld: 0, onlyNew: 0, changed: 0, sample: [] };
}

class Comparison {
  readonly #found: TableDifference;

  constructor(
    private readonly store: Store,
    private readonly options: DifferenceOptions,
    private readonly table: string,
    private readonly key: readonly string[],
  ) {
    this.#found = empty(table);
  }

  async run(): Promise<TableDifference> {
    const { old, generation } = this.options;
    const found = this.#found;
    const newName = physicalName(this.table, generation);
    const newColumns = await this.#columns(newName);
    if (!old.tables.includes(this.table)) {
      found.rows = await this.#count(newName);
      return { ...found, incomparable: 'the old model has no such table' };
    }
    const oldName = physicalName(this.table, old.generation);
    if (!(await this.#exists(oldName))) {
      found.rows = await this.#count(newName);
      return { ...found, incomparable: `the live model lacks its table ${oldName}; changed from outside` };
    }
    const columns = await this.#columns(oldName);
    if ([...columns].sort().join() !== [...newColumns].sort().join()) {
      found.rows = await this.#count(newName);
      const missing = columns.filter((column) => !newColumns.includes(column)).map((column) => `-${column}`);
      const added = newColumns.filter((column) => !columns.includes(column)).map((column) => `+${column}`);
      return { ...found, incomparable: `the columns differ: ${[...missing, ...added].join(' ')}` };
    }
    await this.#each(oldName, newName, columns, (row, other) => {
      if (other === undefined) {
        found.onlyOld += 1;
        this.#note({ kind: 'only old', key: pick(row, this.key), old: row });
        return;
      }
      const differing = columns.filter((column) => !isSameValue(row[column], other[column]));
      if (differing.length === 0) return;
      found.changed += 1;
      this.#note({ kind: 'changed', key: pick(row, this.key), old: pick(row, differing), new: pick(other, differing) });
    });
    await this.#each(newName, oldName, columns, (row, other) => {
      found.rows += 1;
      if (other !== undefined) return;
      found.onlyNew += 1;
      this.#note({ kind: 'only new', key: pick(row, this.key), new: row });
    });
    return found;
  }

  #note(difference: RowDifference): void {
    if (this.#found.sample.length < SAMPLE_ROWS) this.#found.sample.push(difference);
  }

  /** Pairs each row of one table with the row of the other that has the same key. */
  async #each(
    one: string,
    other: string,
    columns: readonly string[],
    visit: (row: Row, other: Row | undefined) => void,
  ): Promise<void> {
    const { key } = this;
    const list = (side: string, as: string) => columns.map((column, n) => `${side}.${column} AS ${as}${n}`).join(', ');
    const join = key.map((column) => `b.${column} = a.${column}`).join(' AND ');
    const select = (after: string) =>
      `SELECT ${list('a', 'a')}, ${list('b', 'b')}, CASE WHEN b.${key[0] ?? ''} IS NULL THEN 0 ELSE 1 END AS both
       FROM (SELECT * FROM ${one} ${after} ORDER BY ${key.join(', ')} LIMIT ${ROWS_PER_PAGE}) a LEFT JOIN ${other} b ON ${join}
       ORDER BY ${key.map((column) => `a.${column}`).join(', ')}`;
    const first = template([select('')]);
    // `(k1, k2) > (?, ?)`: as many parameters as the key has columns
    const parts = select(`WHERE (${key.join(', ')}) > (${key.map(() => '\u0000').join(', ')})`).split('\u0000');
    const next = template(parts);
    let last: Row | undefined;
    for (;;) {
      const values: SqlValue[] = last === undefined ? [] : Object.values(pick(last, key));
      const rows = await this.store.query<Row>(last === undefined ? first : next, ...values);
      for (const joined of rows) {
        const side = (as: string): Row =>
          Object.fromEntries(columns.map((column, n) => [column, joined[`${as}${n}`] ?? null]));
        last = side('a');
        visit(last, Number(joined.both) === 1 ? side('b') : undefined);
      }
      await this.options.onPage();
      if (rows.length < ROWS_PER_PAGE) return;
    }
  }

  async #exists(name: string): Promise<boolean> {
    const rows = await this.store.query`SELECT 1 AS found FROM sqlite_master WHERE type = 'table' AND name = ${name}`;
    return rows.length > 0;
  }

  /** Also works for a table without rows: the join returns one row of nulls. */
  async #columns(name: string): Promise<string[]> {
    const text = `SELECT t.* FROM (SELECT 1 AS one) o LEFT JOIN ${name} t ON 1 = 0`;
    const [row = {}] = await this.store.query<Row>(template([text]));
    return Object.keys(row);
  }

  async #count(name: string): Promise<number> {
    const [row] = await this.store.query<Row>(template([`SELECT count(*) AS amount FROM ${name}`]));
    return Number(row?.amount ?? 0);
  }
}

function pick(row: Row, columns: readonly string[]): Row {
  return Object.fromEntries(columns.map((column) => [column, row[column] ?? null]));
}

function isSameValue(a: SqlValue | undefined, b: SqlValue | undefined): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0;
  return (
    a === b || (a !== null && b !== null && typeof a !== 'string' && typeof b !== 'string' && String(a) === String(b))
  );
}
