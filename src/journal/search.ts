import { matches } from '../events/patterns.js';
import type { Sql, Store } from '../store/store.js';
import { entryOf, parsePlace, type JournalEntry, type JournalFilter, type JournalRow, type Place } from './entry.js';
import { byCorrelation, bySource, bySubject, byTime, byType, type Bounds, type Scan } from './scans.js';

type Searched = Pick<Store, 'query'>;

export interface JournalPagesOptions {
  /** The exclusive start: the page begins after this place, or before it with newest first.
   *  @default the beginning, or the end with newest first */
  after?: string;
  /** Maximum number of events in a page. @default 500 */
  pageSize?: number;
  /** @default oldest first */
  newestFirst?: boolean;
  /** Ends the iteration before the next page. */
  signal?: AbortSignal;
}

/** Reads the matching events sorted by time, in pages of at least one event. Pages are read on demand; events that the
 *  journal adds in the meantime are included if their place is still ahead. Ends without an error when no more events
 *  exist or the signal aborts. */
export async function* journalPages(
  store: Searched,
  filter: JournalFilter = {},
  { after, pageSize = 500, newestFirst = false, signal }: JournalPagesOptions = {},
): AsyncGenerator<JournalEntry[], void, undefined> {
  const start: Place = newestFirst ? { time: LATEST, row: LATEST } : { time: EARLIEST, row: EARLIEST };
  const from = after === undefined ? start : parsePlace(after);
  const scans = (await scansFor(store.query, filter)).map(
    (scan) => new ScanReader(store.query, scan, from, newestFirst, pageSize),
  );
  let page: JournalEntry[] = [];
  while (signal?.aborted !== true) {
    const next = await takeNext(scans, newestFirst);
    if (next !== undefined) page.push(entryOf(next));
    if (page.length === pageSize || (next === undefined && page.length > 0)) {
      yield page;
      page = [];
    }
    if (next === undefined) return;
  }
}

/** The event with this id; undefined if the journal does not have it. If several sources use the id, the first one
 *  stored. */
export async function journalEvent(store: Searched, id: string): Promise<JournalEntry | undefined> {
  const [row] = await store.query<JournalRow>`
    SELECT * FROM journal_events WHERE id = ${id} ORDER BY row_number LIMIT 1`;
  return row && entryOf(row);
}

/** The events whose id has this prefix, at most `limit`. */
export async function journalEventsLike(store: Searched, beginning: string, limit: number): Promise<JournalEntry[]> {
  const rows = await store.query<JournalRow>`
    SELECT * FROM journal_events WHERE id >= ${beginning} AND id < ${`${beginning}\u{10FFFF}`} ORDER BY id LIMIT ${limit}`;
  return rows.map(entryOf);
}

/** The number of matching events. */
export async function countJournal(store: Searched, filter: JournalFilter = {}): Promise<number> {
  let total = 0;
  for (const { scan, key, bounds } of await scansFor(store.query, filter)) {
    const [row] = await scan.count(store.query, key, bounds);
    total += Number(row?.count ?? 0);
  }
  return total;
}

const EARLIEST = Number.MIN_SAFE_INTEGER;
const LATEST = Number.MAX_SAFE_INTEGER;

/** A scan with its key and bounds. */
interface BoundScan {
  scan: Scan;
  key: string;
  bounds: Bounds;
}

/** Chooses the most selective index: one scan, or one for each type. No two scans return the same event. */
async function scansFor(sql: Sql, filter: JournalFilter): Promise<BoundScan[]> {
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

/** The types of the journal that match; undefined for all of them. Steps from type to type in the index. */
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

/** Reads a scan page by page. */
class ScanReader {
  readonly #rows: JournalRow[] = [];
  #ended = false;

  constructor(
    private readonly sql: Sql,
    private readonly boundScan: BoundScan,
    private from: Place,
    private readonly backward: boolean,
    private readonly pageSize: number,
  ) {}

  async peek(): Promise<JournalRow | undefined> {
    if (this.#rows.length === 0 && !this.#ended) {
      const { scan, key, bounds } = this.boundScan;
      const step = this.backward ? scan.backward : scan.forward;
      const rows = await step(this.sql, key, { ...bounds, ...this.from, limit: this.pageSize });
      this.#ended = rows.length < this.pageSize;
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

/** Returns the next row of all scans. */
async function takeNext(scans: readonly ScanReader[], backward: boolean): Promise<JournalRow | undefined> {
  let best: { reader: ScanReader; row: JournalRow } | undefined;
  for (const reader of scans) {
    const row = await reader.peek();
    if (row !== undefined && (best === undefined || comesBefore(row, best.row) !== backward)) best = { reader, row };
  }
  best?.reader.take();
  return best?.row;
}

function comesBefore(a: JournalRow, b: JournalRow): boolean {
  return a.time === b.time ? a.row_number < b.row_number : a.time < b.time;
}
