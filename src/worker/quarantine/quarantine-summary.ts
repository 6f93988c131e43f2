import type { Sql } from '../../store/store.js';
import type { QuarantineReason } from './quarantine-table.js';

/** The quarantined messages of one type, version, producer and reason. */
export interface QuarantinedKind {
  type: string;
  /** Null if the messages name none. */
  version: number | null;
  /** The source of the events. */
  producer: string;
  reason: QuarantineReason;
  count: number;
  /** Milliseconds since the epoch: when the first of them was quarantined. */
  oldest: number;
}

/** Counts the quarantined messages of a worker, by type, version, producer and reason. */
export function summarizeQuarantine(query: Sql, worker: string): Promise<QuarantinedKind[]> {
  return query<QuarantinedKind>`
    SELECT type, version, source AS producer, reason, COUNT(*) AS count, MIN(since) AS oldest
    FROM flotilla_quarantined WHERE worker = ${worker}
    GROUP BY reason, type, version, source ORDER BY reason DESC, type, version, source`;
}

/** Like `summarizeQuarantine`, for the messages of one subject. */
export function summarizeSubject(query: Sql, worker: string, subject: string): Promise<QuarantinedKind[]> {
  return query<QuarantinedKind>`
    SELECT type, version, source AS producer, reason, COUNT(*) AS count, MIN(since) AS oldest
    FROM flotilla_quarantined WHERE worker = ${worker} AND subject = ${subject}
    GROUP BY reason, type, version, source ORDER BY reason DESC, type, version, source`;
}

/** Bounds the time of the search, which blocks the event loop. */
const MAX_EXAMINED = 10_000;

/** Whether no earlier row of its subject precedes one of the first messages that followed another one. */
export async function isAnyFollowerFirst(query: Sql, worker: string): Promise<boolean> {
  const found = await query`
    SELECT follower.place FROM (
      SELECT subject, place FROM flotilla_quarantined WHERE worker = ${worker} AND reason = 'behind'
      ORDER BY place LIMIT ${MAX_EXAMINED}
    ) AS follower
    WHERE NOT EXISTS (
      SELECT 1 FROM flotilla_quarantined AS earlier
      WHERE earlier.worker = ${worker} AND earlier.subject = follower.subject AND earlier.place < follower.place
    )
    LIMIT 1`;
  return found.length > 0;
}
