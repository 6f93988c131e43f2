import type { Sql } from '../../store/store.js';
import type { LateEvent, LateOutcome } from '../engine/segment.js';

/** Late events are stored for this time. */
export const LATE_RETENTION_MS = 30 * 24 * 3_600_000;

export async function insertLate(sql: Sql, windows: number, event: LateEvent): Promise<void> {
  const { eventId, part, source, type, key, time, outcome, windowEnd, lateBy, code, message, at } = event;
  await sql`
    INSERT INTO flotilla_window_late
      (windows, event_id, part, source, type, window_key, time, outcome, window_end, late_by, code, message, at)
    VALUES (${windows}, ${eventId}, ${part}, ${source}, ${type}, ${key}, ${time}, ${outcome}, ${windowEnd}, ${lateBy},
      ${code}, ${message.slice(0, 1_000)}, ${at})
    ON CONFLICT (windows, source, event_id, part) DO NOTHING`;
}

interface Row {
  event_id: string;
  part: string;
  source: string;
  type: string;
  window_key: string;
  time: number;
  outcome: LateOutcome;
  window_end: number;
  late_by: number;
  code: string;
  message: string;
  at: number;
}

/** Returns the late and refused events of a version, newest first. */
export async function listLate(sql: Sql, windows: number, limit: number): Promise<LateEvent[]> {
  const rows = await sql<Row>`
    SELECT event_id, part, source, type, window_key, time, outcome, window_end, late_by, code, message, at
    FROM flotilla_window_late WHERE windows = ${windows} ORDER BY at DESC, event_id, part LIMIT ${limit}`;
  return rows.map(({ event_id, window_key, window_end, late_by, time, at, ...row }) => ({
    ...row,
    eventId: event_id,
    key: window_key,
    windowEnd: Number(window_end),
    lateBy: Number(late_by),
    time: Number(time),
    at: Number(at),
  }));
}
