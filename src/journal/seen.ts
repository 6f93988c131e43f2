import type { Sql, Store, Tx } from '../store/store.js';
import { addRecent, type Recent } from '../traffic/recent.js';
import { highestRow, type JournalEntry } from './entry.js';

/** The events of one type from one source that the journal has. */
export interface SeenCount {
  source: string;
  type: string;
  count: number;
  /** The earliest and the latest time of an event, in milliseconds since the epoch. */
  firstAt: number;
  lastAt: number;
  recent: Recent;
}

type Counted = Pick<JournalEntry, 'source' | 'type' | 'time'>;

interface Row {
  source: string;
  type: string;
  count: number;
  first_at: number;
  last_at: number;
  recent: number;
}

/** Counts events, in the transaction that stores them. A time in the future counts as `now`. */
export async function countSeen(sql: Sql, events: Iterable<Counted>, now: number): Promise<void> {
  for (const added of sums(events, now)) {
    const { source, type } = added;
    const [row] = await sql<Row>`SELECT * FROM journal_seen WHERE source = ${source} AND type = ${type}`;
    const { count, firstAt, lastAt, recent } = row === undefined ? added : joined(countOf(row, now), added);
    await sql`
      INSERT INTO journal_seen (source, type, count, first_at, last_at, recent)
      VALUES (${source}, ${type}, ${count}, ${firstAt}, ${lastAt}, ${recent.sums[0] ?? 0})
      ON CONFLICT (source, type) DO UPDATE
      SET count = excluded.count, first_at = excluded.first_at, last_at = excluded.last_at, recent = excluded.recent`;
  }
}

/** Counts the events that an earlier version of the library has stored without counting them, in short transactions.
 *  Continues where an interrupted call ended: rows are numbered from 1 without gaps, and the counted ones come first.
 *  To be awaited before events are stored. */
export async function countStored(
  store: Pick<Store, 'transaction'>,
  { signal, now, pageSize = 20_000 }: { signal: AbortSignal; now: () => number; pageSize?: number },
): Promise<void> {
  const countPage = async ({ sql }: Pick<Tx, 'sql'>) => {
    const [total] = await sql<{ counted: number }>`SELECT COALESCE(SUM(count), 0) AS counted FROM journal_seen`;
    const events = await sql<Counted>`
      SELECT source, type, time FROM journal_events
      WHERE row_number > ${Number(total?.counted)} ORDER BY row_number LIMIT ${pageSize}`;
    await countSeen(sql, events, now());
    return events.length === pageSize;
  };
  while (!signal.aborted && (await store.transaction(countPage)));
}

/** The counts of all sources and types, and how many events `countStored` has yet to count. Reads one row for each
 *  count, however many events the journal has. */
export async function seenCounts({ query }: Pick<Store, 'query'>): Promise<{ seen: SeenCount[]; uncounted: number }> {
  const stored = await highestRow(query); // first: an event is stored and counted in one transaction
  const rows = await query<Row>`SELECT * FROM journal_seen ORDER BY type, source`;
  const seen = rows.map((row) => countOf(row));
  const counted = seen.reduce((sum, { count }) => sum + count, 0);
  return { seen, uncounted: Math.max(0, stored - counted) };
}

function sums(events: Iterable<Counted>, now: number): Iterable<SeenCount> {
  const counts = new Map<string, SeenCount>();
  for (const { source, type, time } of events) {
    const at = Math.min(Number(time), now);
    const one = { source, type, count: 1, firstAt: at, lastAt: at, recent: { at, sums: [1] } };
    const key = JSON.stringify([source, type]);
    const known = counts.get(key);
    counts.set(key, known === undefined ? one : joined(known, one));
  }
  return counts.values();
}

function joined(a: SeenCount, b: SeenCount): SeenCount {
  return {
    ...a,
    count: a.count + b.count,
    firstAt: Math.min(a.firstAt, b.firstAt),
    lastAt: Math.max(a.lastAt, b.lastAt),
    recent: addRecent(a.recent, b.recent),
  };
}

function countOf({ source, type, count, first_at, last_at, recent }: Row, now = Infinity): SeenCount {
  const lastAt = Math.min(Number(last_at), now);
  return {
    source,
    type,
    count: Number(count),
    firstAt: Number(first_at),
    lastAt,
    recent: { at: lastAt, sums: [Number(recent)] },
  };
}
