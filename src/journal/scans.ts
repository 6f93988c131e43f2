import type { Sql } from '../store/store.js';
import type { JournalRow } from './entry.js';

/** The bounds of a scan: after a place (backwards: before it), within [since, until), and further conditions. */
export interface Bounds {
  time: number;
  row: number;
  since: number;
  until: number;
  /** Only rows up to this one; ignored backwards. */
  upToRow: number | null;
  source: string | null;
  subject: string | null;
  type: string | null;
  limit: number;
}

/** A scan of one index, whose entries are sorted by time. An optional condition is written with OR, so that no query
 *  plan uses its index. */
export interface Scan {
  forward: (sql: Sql, key: string, bounds: Bounds) => Promise<JournalRow[]>;
  backward: (sql: Sql, key: string, bounds: Bounds) => Promise<JournalRow[]>;
  count: (sql: Sql, key: string, bounds: Bounds) => Promise<{ count: number }[]>;
}

export const byCorrelation: Scan = {
  forward: (sql, key, { time, row, since, until, upToRow, source, subject, type, limit }) => sql`
    SELECT * FROM journal_events
    WHERE correlation_id = ${key} AND time >= ${Math.max(time, since)} AND time < ${until}
      AND (CAST(${upToRow} AS BIGINT) IS NULL OR row_number <= ${upToRow})
      AND (time > ${time} OR row_number > ${row})
      AND (CAST(${subject} AS TEXT) IS NULL OR subject = ${subject})
      AND (CAST(${type} AS TEXT) IS NULL OR type = ${type})
      AND (CAST(${source} AS TEXT) IS NULL OR source = ${source})
    ORDER BY time, row_number LIMIT ${limit}`,
  backward: (sql, key, { time, row, since, until, source, subject, type, limit }) => sql`
    SELECT * FROM journal_events
    WHERE correlation_id = ${key} AND time >= ${since} AND time <= ${Math.min(time, until - 1)}
      AND (time < ${time} OR row_number < ${row})
      AND (CAST(${subject} AS TEXT) IS NULL OR subject = ${subject})
      AND (CAST(${type} AS TEXT) IS NULL OR type = ${type})
      AND (CAST(${source} AS TEXT) IS NULL OR source = ${source})
    ORDER BY time DESC, row_number DESC LIMIT ${limit}`,
  count: (sql, key, { since, until, upToRow, source, subject, type }) => sql`
    SELECT COUNT(*) AS count FROM journal_events
    WHERE correlation_id = ${key} AND time >= ${since} AND time < ${until}
      AND (CAST(${upToRow} AS BIGINT) IS NULL OR row_number <= ${upToRow})
      AND (CAST(${subject} AS TEXT) IS NULL OR subject = ${subject})
      AND (CAST(${type} AS TEXT) IS NULL OR type = ${type})
      AND (CAST(${source} AS TEXT) IS NULL OR source = ${source})`,
};

export const bySubject: Scan = {
  forward: (sql, key, { time, row, since, until, upToRow, source, type, limit }) => sql`
    SELECT * FROM journal_events
    WHERE subject = ${key} AND time >= ${Math.max(time, since)} AND time < ${until}
      AND (CAST(${upToRow} AS BIGINT) IS NULL OR row_number <= ${upToRow})
      AND (time > ${time} OR row_number > ${row})
      AND (CAST(${type} AS TEXT) IS NULL OR type = ${type})
      AND (CAST(${source} AS TEXT) IS NULL OR source = ${source})
    ORDER BY time, row_number LIMIT ${limit}`,
  backward: (sql, key, { time, row, since, until, source, type, limit }) => sql`
    SELECT * FROM journal_events
    WHERE subject = ${key} AND time >= ${since} AND time <= ${Math.min(time, until - 1)}
      AND (time < ${time} OR row_number < ${row})
      AND (CAST(${type} AS TEXT) IS NULL OR type = ${type})
      AND (CAST(${source} AS TEXT) IS NULL OR source = ${source})
    ORDER BY time DESC, row_number DESC LIMIT ${limit}`,
  count: (sql, key, { since, until, upToRow, source, type }) => sql`
    SELECT COUNT(*) AS count FROM journal_events
    WHERE subject = ${key} AND time >= ${since} AND time < ${until}
      AND (CAST(${upToRow} AS BIGINT) IS NULL OR row_number <= ${upToRow})
      AND (CAST(${type} AS TEXT) IS NULL OR type = ${type})
      AND (CAST(${source} AS TEXT) IS NULL OR source = ${source})`,
};

export const byType: Scan = {
  forward: (sql, key, { time, row, since, until, upToRow, source, limit }) => sql`
    SELECT * FROM journal_events
    WHERE type = ${key} AND time >= ${Math.max(time, since)} AND time < ${until}
      AND (CAST(${upToRow} AS BIGINT) IS NULL OR row_number <= ${upToRow})
      AND (time > ${time} OR row_number > ${row})
      AND (CAST(${source} AS TEXT) IS NULL OR source = ${source})
    ORDER BY time, row_number LIMIT ${limit}`,
  backward: (sql, key, { time, row, since, until, source, limit }) => sql`
    SELECT * FROM journal_events
    WHERE type = ${key} AND time >= ${since} AND time <= ${Math.min(time, until - 1)}
      AND (time < ${time} OR row_number < ${row})
      AND (CAST(${source} AS TEXT) IS NULL OR source = ${source})
    ORDER BY time DESC, row_number DESC LIMIT ${limit}`,
  count: (sql, key, { since, until, upToRow, source }) => sql`
    SELECT COUNT(*) AS count FROM journal_events
    WHERE type = ${key} AND time >= ${since} AND time < ${until}
      AND (CAST(${upToRow} AS BIGINT) IS NULL OR row_number <= ${upToRow})
      AND (CAST(${source} AS TEXT) IS NULL OR source = ${source})`,
};

export const bySource: Scan = {
  forward: (sql, key, { time, row, since, until, upToRow, limit }) => sql`
    SELECT * FROM journal_events
    WHERE source = ${key} AND time >= ${Math.max(time, since)} AND time < ${until}
      AND (CAST(${upToRow} AS BIGINT) IS NULL OR row_number <= ${upToRow})
      AND (time > ${time} OR row_number > ${row})
    ORDER BY time, row_number LIMIT ${limit}`,
  backward: (sql, key, { time, row, since, until, limit }) => sql`
    SELECT * FROM journal_events
    WHERE source = ${key} AND time >= ${since} AND time <= ${Math.min(time, until - 1)}
      AND (time < ${time} OR row_number < ${row})
    ORDER BY time DESC, row_number DESC LIMIT ${limit}`,
  count: (sql, key, { since, until, upToRow }) => sql`
    SELECT COUNT(*) AS count FROM journal_events WHERE source = ${key} AND time >= ${since} AND time < ${until}
      AND (CAST(${upToRow} AS BIGINT) IS NULL OR row_number <= ${upToRow})`,
};

export const byTime: Scan = {
  forward: (sql, _, { time, row, since, until, upToRow, limit }) => sql`
    SELECT * FROM journal_events
    WHERE time >= ${Math.max(time, since)} AND time < ${until} AND (time > ${time} OR row_number > ${row})
      AND (CAST(${upToRow} AS BIGINT) IS NULL OR row_number <= ${upToRow})
    ORDER BY time, row_number LIMIT ${limit}`,
  backward: (sql, _, { time, row, since, until, limit }) => sql`
    SELECT * FROM journal_events
    WHERE time >= ${since} AND time <= ${Math.min(time, until - 1)} AND (time < ${time} OR row_number < ${row})
    ORDER BY time DESC, row_number DESC LIMIT ${limit}`,
  count: (sql, _, { since, until, upToRow }) => sql`
    SELECT COUNT(*) AS count FROM journal_events WHERE time >= ${since} AND time < ${until}
      AND (CAST(${upToRow} AS BIGINT) IS NULL OR row_number <= ${upToRow})`,
};
