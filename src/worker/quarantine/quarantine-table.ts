import type { Migration, Sql } from '../../store/store.js';

/** Why a message is quarantined: the worker does not know its version or its type, or an earlier message of its subject
 *  is quarantined. */
export type QuarantineReason = 'newer_version' | 'unknown_type' | 'behind';

/** The row of a quarantined message in the store of its worker. */
export interface QuarantinedMessage {
  source: string;
  id: string;
  type: string;
  /** Null if the message names none. */
  version: number | null;
  subject: string;
  reason: QuarantineReason;
  /** Milliseconds since the epoch. */
  since: number;
}

/** A type in one version. */
export type EventKind = Pick<QuarantinedMessage, 'type' | 'version'>;

/** `order.created 3` */
export function kindName({ type, version }: EventKind): string {
  return version === null ? type : `${type} ${version}`;
}

/** Identifies an event. */
export type EventKey = Pick<QuarantinedMessage, 'source' | 'id'>;

/** The rows are in the order in which the messages were quarantined, by `place`. */
export const quarantineMigrations: readonly Migration[] = [
  {
    name: '1-quarantined',
    sql: `
      CREATE TABLE flotilla_quarantined (
        worker TEXT NOT NULL,
        place BIGINT NOT NULL,
        source TEXT NOT NULL,
        event_id TEXT NOT NULL,
        type TEXT NOT NULL,
        version INTEGER,
        subject TEXT NOT NULL,
        reason TEXT NOT NULL,
        since BIGINT NOT NULL,
        PRIMARY KEY (worker, place)
      );
      CREATE UNIQUE INDEX flotilla_quarantined_by_event ON flotilla_quarantined (worker, event_id, source);
      CREATE INDEX flotilla_quarantined_by_subject ON flotilla_quarantined (worker, subject, place);
      CREATE INDEX flotilla_quarantined_by_kind
        ON flotilla_quarantined (worker, reason, type, version, source, since);
    `,
  },
];

/** Adds a row behind the others; an existing row of the event keeps its place. */
export async function insertQuarantined(sql: Sql, worker: string, message: QuarantinedMessage): Promise<void> {
  const { source, id, type, version, subject, reason, since } = message;
  await sql`
    INSERT INTO flotilla_quarantined (worker, place, source, event_id, type, version, subject, reason, since)
    SELECT ${worker}, COALESCE(MAX(place), 0) + 1, ${source}, ${id}, ${type}, ${version}, ${subject}, ${reason}, ${since}
    FROM flotilla_quarantined WHERE worker = ${worker}
    ON CONFLICT (worker, event_id, source) DO NOTHING`;
}

/** Deletes the row of an event; false if there is none. */
export async function deleteQuarantined(sql: Sql, worker: string, { source, id }: EventKey): Promise<boolean> {
  const deleted = await sql`
    DELETE FROM flotilla_quarantined WHERE worker = ${worker} AND event_id = ${id} AND source = ${source}
    RETURNING place`;
  return deleted.length > 0;
}

export async function isQuarantined(query: Sql, worker: string, { source, id }: EventKey): Promise<boolean> {
  const found = await query`
    SELECT place FROM flotilla_quarantined WHERE worker = ${worker} AND event_id = ${id} AND source = ${source}`;
  return found.length > 0;
}

export async function isAnyQuarantined(query: Sql, worker: string): Promise<boolean> {
  return (await query`SELECT place FROM flotilla_quarantined WHERE worker = ${worker} LIMIT 1`).length > 0;
}

/** The quarantined message of a subject that the others of the subject wait for. */
export async function firstQuarantined(query: Sql, worker: string, subject: string): Promise<EventKey | undefined> {
  const [first] = await query<{ source: string; id: string }>`
    SELECT source, event_id AS id FROM flotilla_quarantined WHERE worker = ${worker} AND subject = ${subject}
    ORDER BY place LIMIT 1`;
  return first;
}

/** The rows after a place, oldest first, that were added before a time (milliseconds since the epoch). */
export function readQuarantined(
  query: Sql,
  worker: string,
  { after, before, limit }: { after: number; before: number; limit: number },
): Promise<(EventKey & { place: number })[]> {
  return query<EventKey & { place: number }>`
    SELECT place, source, event_id AS id FROM flotilla_quarantined
    WHERE worker = ${worker} AND place > ${after} AND since < ${before} ORDER BY place LIMIT ${limit}`;
}
