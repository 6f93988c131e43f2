import type { Sql, Store } from '../store/store.js';
import { addRecent, type Recent } from '../traffic/recent.js';
import type { JournalEntry } from './entry.js';

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

interface Row {
  source: string;
  type: string;
  count: number;
  first_at: number;
  last_at: number;
  recent: number;
}

/** Counts events, in the transaction that stores them. A time in the future counts as `now`. */
export async function countSeen(
  sql: Sql,
  records: Iterable<Pick<JournalEntry, 'source' | 'type' | 'time'>>,
  now: number,
): Promise<void> {
  for (const added of sums(records, now)) {
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

/** The counts of all sources and types. Reads one row for each, however many events the journal has. */
export async function seenCounts({ query }: Pick<Store, 'query'>): Promise<SeenCount[]> {
  const rows = await query<Row>`SELECT * FROM journal_seen ORDER BY type, source`;
  return rows.map((row) => countOf(row));
}

function sums(records: Iterable<Pick<JournalEntry, 'source' | 'type' | 'time'>>, now: number): Iterable<SeenCount> {
  const counts = new Map<string, SeenCount>();
  for (const { source, type, time } of records) {
    const at = Math.min(time, now);
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
