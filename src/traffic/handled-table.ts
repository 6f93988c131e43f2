import type { Migration, Sql, Store } from '../store/store.js';
import { addRecent, type Recent } from './recent.js';

/** What a reader, a worker or a projection, has handled of one type from one source. */
export interface HandledCount {
  reader: string;
  source: string;
  type: string;
  count: number;
  /** When the first and the last one were handled, in milliseconds since the epoch. */
  firstAt: number;
  lastAt: number;
  /** Recent messages by the bucket of their delay, from the time of the event to the end of its handling. */
  delays: Recent;
}

const migrations: readonly Migration[] = [
  {
    name: '1-handled',
    sql: `
      CREATE TABLE flotilla_handled (
        reader TEXT NOT NULL,
        source TEXT NOT NULL,
        type TEXT NOT NULL,
        count BIGINT NOT NULL,
        first_at BIGINT NOT NULL,
        last_at BIGINT NOT NULL,
        delays TEXT NOT NULL,
        PRIMARY KEY (reader, source, type)
      );
    `,
  },
];

/** Creates the table in the store of a service. Idempotent. */
export async function migrateHandled(store: Pick<Store, 'migrate'>): Promise<void> {
  await store.migrate('traffic', migrations);
}

interface Row {
  reader: string;
  source: string;
  type: string;
  count: number;
  first_at: number;
  last_at: number;
  delays: string;
}

export async function handledCounts(sql: Sql): Promise<HandledCount[]> {
  const rows = await sql<Row>`SELECT * FROM flotilla_handled ORDER BY reader, type, source`;
  return rows.map(countOf);
}

/** Adds counts to those of the table, in a transaction of the store. */
export async function addHandled(sql: Sql, added: Iterable<HandledCount>): Promise<void> {
  for (const more of added) {
    const { reader, source, type } = more;
    const [row] = await sql<Row>`
      SELECT * FROM flotilla_handled WHERE reader = ${reader} AND source = ${source} AND type = ${type}`;
    const { count, firstAt, lastAt, delays } = row === undefined ? more : joinHandled(countOf(row), more);
    const text = JSON.stringify(delays.sums);
    await sql`
      INSERT INTO flotilla_handled (reader, source, type, count, first_at, last_at, delays)
      VALUES (${reader}, ${source}, ${type}, ${count}, ${firstAt}, ${lastAt}, ${text})
      ON CONFLICT (reader, source, type) DO UPDATE
      SET count = excluded.count, first_at = excluded.first_at, last_at = excluded.last_at, delays = excluded.delays`;
  }
}

/** The sum of two counts of the same reader, source and type. */
export function joinHandled(a: HandledCount, b: HandledCount): HandledCount {
  return {
    ...a,
    count: a.count + b.count,
    firstAt: Math.min(a.firstAt, b.firstAt),
    lastAt: Math.max(a.lastAt, b.lastAt),
    delays: addRecent(a.delays, b.delays),
  };
}

function countOf({ reader, source, type, count, first_at, last_at, delays }: Row): HandledCount {
  return {
    reader,
    source,
    type,
    count: Number(count),
    firstAt: Number(first_at),
    lastAt: Number(last_at),
    delays: { at: Number(last_at), sums: JSON.parse(delays) as number[] },
  };
}
