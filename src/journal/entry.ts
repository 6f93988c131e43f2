import { FlotillaError } from '../errors.js';
import type { Sql } from '../store/store.js';

/** An event of the journal. */
export interface JournalEntry {
  /** Its place in the order of time: text that sorts and can be stored. */
  place: string;
  /** The service that emitted it. */
  source: string;
  /** Unique within its source. */
  id: string;
  type: string;
  subject: string;
  correlationId: string;
  /** Milliseconds since the epoch. */
  time: number;
  /** The event in structured mode: the published bytes, unless it was published in binary mode. */
  body: string;
  /** Its offset in the stream; null if it was read from the store of its service. */
  offset: number | null;
}

/** Selects events; all given conditions must hold. */
export interface JournalFilter {
  /** Types or topic patterns; at least one must match. */
  types?: readonly string[];
  source?: string;
  subject?: string;
  correlationId?: string;
  /** RFC 3339, inclusive. */
  since?: string;
  /** RFC 3339, exclusive. */
  until?: string;
  /** Only events that the journal had when this was its highest row; not supported with newest first. */
  upToRow?: number;
}

/** A row of `journal_events`. */
export interface JournalRow {
  row_number: number;
  id: string;
  source: string;
  type: string;
  subject: string;
  correlation_id: string;
  time: number;
  log_offset: number | null;
  body: string;
}

export function entryOf(row: JournalRow): JournalEntry {
  const time = Number(row.time);
  return {
    place: placeText({ time, row: Number(row.row_number) }),
    source: row.source,
    id: row.id,
    type: row.type,
    subject: row.subject,
    correlationId: row.correlation_id,
    time,
    body: row.body,
    offset: row.log_offset === null ? null : Number(row.log_offset),
  };
}

/** The number of the latest row; 0 if the journal is empty. */
export async function highestRow(sql: Sql): Promise<number> {
  const [last] = await sql<{ highest: number | null }>`SELECT MAX(row_number) AS highest FROM journal_events`;
  return Number(last?.highest ?? 0);
}

/** A parsed place. */
export interface Place {
  time: number;
  row: number;
}

/** Maps times of the years 0 to 9999 to positive numbers of 15 digits. */
const SHIFT = 100_000_000_000_000;

function placeText({ time, row }: Place): string {
  return `${String(time + SHIFT).padStart(15, '0')}-${String(row).padStart(12, '0')}`;
}

/** Throws `config.invalid` for an invalid place. */
export function parsePlace(text: string): Place {
  const [, time, row] = /^(\d{15})-(\d{12})$/.exec(text) ?? [];
  if (time === undefined || row === undefined) {
    throw new FlotillaError('config.invalid', `not a position in the journal: ${JSON.stringify(text.slice(0, 50))}`);
  }
  return { time: Number(time) - SHIFT, row: Number(row) };
}
