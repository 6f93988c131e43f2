import type { Sql } from '../../store/store.js';
import type { Pane } from '../engine/pane-cache.js';
import type { PaneRow } from '../engine/segment.js';
import { compareKeys } from './compare-keys.js';
import { requireProgress } from './require-progress.js';

/** Rows that a page of a pane contains. */
const PAGE = 500;

interface Row {
  pane_key: string;
  count: number;
  late: number;
  state: string;
}

export async function writePane(sql: Sql, windows: number, { start, key, count, late, state }: PaneRow): Promise<void> {
  await sql`
    INSERT INTO flotilla_window_panes (windows, pane_start, pane_key, count, late, state)
    VALUES (${windows}, ${start}, ${key}, ${count}, ${late}, ${state})
    ON CONFLICT (windows, pane_start, pane_key) DO UPDATE
    SET count = excluded.count, late = excluded.late, state = excluded.state`;
}

/** Stores the count and the state of a pane. The number of its late events stays. */
export async function replacePane(sql: Sql, windows: number, { start, key, count, state }: Pane): Promise<void> {
  await sql`
    INSERT INTO flotilla_window_panes (windows, pane_start, pane_key, count, late, state)
    VALUES (${windows}, ${start}, ${key}, ${count}, 0, ${JSON.stringify(state)})
    ON CONFLICT (windows, pane_start, pane_key) DO UPDATE SET count = excluded.count, state = excluded.state`;
}

/** Returns one pane; undefined if it is not stored. */
export async function readPane(sql: Sql, windows: number, start: number, key: string): Promise<Pane | undefined> {
  const [row] = await sql<Row>`
    SELECT pane_key, count, late, state FROM flotilla_window_panes
    WHERE windows = ${windows} AND pane_start = ${start} AND pane_key = ${key}`;
  return row && paneOf(start, row);
}

/** Returns the starts of the stored panes from `from` on. */
export async function paneStarts(sql: Sql, windows: number, from: number): Promise<number[]> {
  const starts: number[] = [];
  let next: number | undefined = from;
  // one lookup for each start instead of a scan of all keys
  while (next !== undefined) {
    const rows: { first: number | null }[] = await sql<{ first: number | null }>`
      SELECT MIN(pane_start) AS first FROM flotilla_window_panes WHERE windows = ${windows} AND pane_start >= ${next}`;
    const first = rows[0]?.first ?? null;
    if (first !== null) {
      requireProgress(Number(first) >= next, `pane ${first}`);
      starts.push(Number(first));
    }
    next = first === null ? undefined : Number(first) + 1;
  }
  return starts;
}

/** Returns the start of the newest stored pane. */
export async function newestPane(sql: Sql, windows: number): Promise<number | undefined> {
  const [row] = await sql<{ newest: number | null }>`
    SELECT MAX(pane_start) AS newest FROM flotilla_window_panes WHERE windows = ${windows}`;
  return row?.newest === null || row === undefined ? undefined : Number(row.newest);
}

/** Deletes what is stored for windows that can no longer change. */
export async function deletePanes(sql: Sql, windows: number, horizon: number): Promise<void> {
  await sql`DELETE FROM flotilla_window_panes WHERE windows = ${windows} AND pane_start < ${horizon}`;
}

/** Reads the panes of one start in the order of keys, a page at a time. */
export class PaneReader {
  #rows: Row[] = [];
  #index = 0;
  #isLast = false;

  constructor(
    private readonly sql: Sql,
    private readonly windows: number,
    private readonly start: number,
  ) {}

  /** Moves to the first key after `key`. */
  async seek(key: string): Promise<void> {
    this.#rows = [];
    this.#isLast = false;
    await this.#load(key);
  }

  /** The key of the current pane; undefined after the last one. */
  get key(): string | undefined {
    return this.#rows[this.#index]?.pane_key;
  }

  /** Returns the current pane and moves to the next one. */
  async take(): Promise<Pane | undefined> {
    const row = this.#rows[this.#index];
    if (row === undefined) return undefined;
    this.#index += 1;
    if (this.#index === this.#rows.length && !this.#isLast) await this.#load(row.pane_key);
    return paneOf(this.start, row);
  }

  async #load(after: string): Promise<void> {
    this.#rows = await this.sql<Row>`
      SELECT pane_key, count, late, state FROM flotilla_window_panes
      WHERE windows = ${this.windows} AND pane_start = ${this.start} AND pane_key > ${after}
      ORDER BY pane_key LIMIT ${PAGE}`;
    const first = this.#rows[0]?.pane_key;
    requireProgress(first === undefined || compareKeys(first, after) > 0, `the pane ${this.start} of ${first}`);
    this.#index = 0;
    this.#isLast = this.#rows.length < PAGE;
  }
}

function paneOf(start: number, { pane_key: key, count, late, state }: Row): Pane {
  return { start, key, count: Number(count), late: Number(late), state: JSON.parse(state) as unknown };
}
