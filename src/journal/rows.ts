import type { StreamEntry } from '../broker/contract.js';
import { hasCode } from '../errors.js';
import { parseEnvelope, structuredBody } from '../events/parse-envelope.js';
import type { StoredEvent } from '../store/stored-event.js';
import type { Sql } from '../store/contract.js';
import type { JournalEntry } from './entry.js';

/** What the journal keeps of an event, before it has a place. */
export type JournalRecord = Omit<JournalEntry, 'place'>;

/** An entry of the log as a record; undefined for what is no event of any fleet. Types that no catalogue knows are kept as
 *  well. */
export function recordOfEntry(entry: StreamEntry): JournalRecord | undefined {
  try {
    const event = parseEnvelope(entry);
    const { source, id, type, subject, correlationid, time } = event;
    return {
      source,
      id,
      type,
      subject,
      correlationId: correlationid,
      time: Date.parse(time),
      body: structuredBody(entry, event),
      offset: entry.offset,
    };
  } catch (error) {
    for (const code of NO_EVENT) if (hasCode(error, code)) return undefined;
    throw error;
  }
}

const NO_EVENT = ['contract.not_json', 'contract.not_an_event', 'contract.content_type', 'contract.too_large'] as const;

/** An event of a service's store as a record. */
export function recordOfStored({ id, type, stream, correlationId, time, body, event }: StoredEvent): JournalRecord {
  return { source: event.source, id, type, subject: stream, correlationId, time, body, offset: null };
}

/** The row of what the journal has learnt last; 0 where it has nothing. */
export async function highestRow(sql: Sql): Promise<number> {
  const [last] = await sql<{ highest: number | null }>`SELECT MAX(row_number) AS highest FROM journal_events`;
  return Number(last?.highest ?? 0);
}

/** Adds those that the journal does not have; gives how many. In a transaction of the journal's store. */
export async function insertRecords(sql: Sql, records: readonly JournalRecord[]): Promise<number> {
  const before = await highestRow(sql);
  let number = before;
  for (const { id, source, type, subject, correlationId, time, offset, body } of records) {
    const inserted = await sql`
      INSERT INTO journal_events (row_number, id, source, type, subject, correlation_id, time, log_offset, body)
      VALUES (${number + 1}, ${id}, ${source}, ${type}, ${subject}, ${correlationId}, ${time}, ${offset}, ${body})
      ON CONFLICT (id, source) DO NOTHING RETURNING row_number`;
    number += inserted.length;
  }
  return number - before;
}
