import { matches } from '../events/patterns.js';
import type { Sql, Store } from '../store/contract.js';
import { entryOf, parsePlace, type JournalEntry, type JournalFilter, type JournalRow, type Place } from './entry.js';
import { byCorrelation, bySource, bySubject, byTime, byType, type Bounds, type Scan } from './scans.js';

type Searched = Pick<Store, 'query'>;

export interface JournalPagesOptions {
  /** The place after which to begin; newest first, before which. @default the beginning, newest first the end */
  after?: string;
  /** Events in a page at most. @default 500 */
  portion?: number;
  /** @default the oldest first */
  newestFirst?: boolean;
  /** Ends the reading before the next page. */
  signal?: AbortSignal;
}

/** Gives the events that match, page by page, in the order of their times; no page is empty. Reads a page when it is asked
 *  for one. What the journal learns meanwhile is seen where its time is still ahead. Ends, without an error, when there
 *  are no more or the signal aborts. */
export async function* journalPages(
  store: Searched,
  filter: JournalFilter = {},
  { after, portion = 500, newestFirst = false, signal }: JournalPagesOptions = {},
): AsyncGenerator<JournalEntry[], void, undefined> {
  const start: Place = newestFirst ? { time: LATEST, row: LATEST } : { time: EARLIEST, row: EARLIEST };
  const from = after === undefined ? start : parsePlace(after);
  const ways = (await waysOf(store.query, filter)).map((way) => new Walk(store.query, way, from, newestFirst, portion));
  let page: JournalEntry[] = [];
  while (signal?.aborted !== true) {
    const next = await foremost(ways, newestFirst);
    if (next !== undefined) page.push(entryOf(next));
    if (page.length === portion || (next === undefined && page.length > 0)) {
      yield page;
      page = [];
    }
    if (next === undefined) return;
  }
}

/** The event with this id; undefined where the journal has none. Of several sources that use one id, the first seen. */
export async function journalEvent(store: Searched, id: string): Promise<JournalEntry | undefined> {
  const [row] = await store.query<JournalRow>`
    SELECT * FROM journal_events WHERE id = ${id} ORDER BY row_number LIMIT 1`;
  return row && entryOf(row);
}

/** The events whose id begins so, at most `limit`. */
export async function journalEventsLike(store: Searched, beginning: string, limit: number): Promise<JournalEntry[]> {
  const rows = await store.query<JournalRow>`
    SELECT * FROM journal_events WHERE id >= ${beginning} AND id < ${`${beginning}\u{10FFFF}`} ORDER BY id LIMIT ${limit}`;
  return rows.map(entryOf);
}

/** How many events match. */
export async function countJournal(store: Searched, filter: JournalFilter = {}): Promise<number> {
  let total = 0;
  for (const { scan, key, bounds } of await waysOf(store.query, filter)) {
    const [row] = await scan.count(store.query, key, bounds);
    total += Number(row?.count ?? 0);
  }
  return total;
}

const EARLIEST = Number.MIN_SAFE_INTEGER;
const LATEST = Number.MAX_SAFE_INTEGER;

/** A scan with what it looks for. */
interface Way {
  scan: Scan;
  key: string;
  bounds: Bounds;
}

/** By the index that leaves the fewest: one walk, or one for each type, which no two share an event. */
async function waysOf(sql: Sql, filter: JournalFilter): Promise<Way[]> {
  const { source, subject, correlationId } = filter;
  const common = {
    time: EARLIEST,
    row: EARLIEST,
    since: filter.since === undefined ? EARLIEST : Date.parse(filter.since),
    until: filter.until === undefined ? LATEST : Date.parse(filter.until),
    upToRow: filter.upToRow ?? null,
    source: source ?? null,
    subject: subject ?? null,
    limit: 1,
  };
  const types = await typesLike(sql, filter.types);
  return (types ?? [null]).map((type) => {
    const bounds = { ...common, type };
    if (correlationId !== undefined) return { scan: byCorrelation, key: correlationId, bounds };
    if (subject !== undefined) return { scan: bySubject, key: subject, bounds };
    if (type !== null) return { scan: byType, key: type, bounds };
    if (source !== undefined) return { scan: bySource, key: source, bounds };
    return { scan: byTime, key: '', bounds };
  });
}

/** The types of the journal that match; undefined for all of them. Steps from type to type by the index. */
async function typesLike(sql: Sql, patterns: readonly string[] | undefined): Promise<string[] | undefined> {
  if (patterns === undefined || patterns.includes('#')) return undefined;
  const rows = await sql<{ type: string }>`
    WITH RECURSIVE types (type) AS (
      SELECT MIN(type) FROM journal_events
      UNION ALL
      SELECT (SELECT MIN(e.type) FROM journal_events e WHERE e.type > types.type) FROM types
      WHERE types.type IS NOT NULL
    )
    SELECT type FROM types WHERE type IS NOT NULL`;
  return rows.map(({ type }) => type).filter((type) => patterns.some((pattern) => matches(pattern, type)));
}

/** One way, page by page. */
class Walk {
  readonly #rows: JournalRow[] = [];
  #ended = false;

  constructor(
    private readonly sql: Sql,
    private readonly way: Way,
    private from: Place,
    private readonly backward: boolean,
    private readonly portion: number,
  ) {}

  async peek(): Promise<JournalRow | undefined> {
    if (this.#rows.length === 0 && !this.#ended) {
      const { scan, key, bounds } = this.way;
      const step = this.backward ? scan.backward : scan.forward;
      const rows = await step(this.sql, key, { ...bounds, ...this.from, limit: this.portion });
      this.#ended = rows.length < this.portion;
      this.#rows.push(...rows);
      const last = rows.at(-1);
      if (last !== undefined) this.from = { time: Number(last.time), row: Number(last.row_number) };
    }
    return this.#rows[0];
  }

  take(): void {
    this.#rows.shift();
  }
}

/** The row that comes next of all ways, taken out. */
async function foremost(ways: readonly Walk[], backward: boolean): Promise<JournalRow | undefined> {
  let best: { walk: Walk; row: JournalRow } | undefined;
  for (const walk of ways) {
    const row = await walk.peek();
    if (row !== undefined && (best === undefined || comesBefore(row, best.row) !== backward)) best = { walk, row };
  }
  best?.walk.take();
  return best?.row;
}

function comesBefore(a: JournalRow, b: JournalRow): boolean {
  return a.time === b.time ? a.row_number < b.row_number : a.time < b.time;
}
