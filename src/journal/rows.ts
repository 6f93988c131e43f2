import type { StreamEntry } from '../broker/broker.js';
import { hasCode } from '../errors.js';
import { parseEnvelope, structuredBody } from '../events/parse-envelope.js';
import type { StoredEvent } from '../store/stored-event.js';
import type { Sql } from '../store/store.js';
import { highestRow, type JournalEntry } from './entry.js';
import { countSeen } from './seen.js';

/** An event before it is stored and has a place. */
export type JournalRecord = Omit<JournalEntry, 'place'>;

/** Converts an entry of the stream to a record, even if its type is in no catalogue; undefined for a message that is
 *  not an event. */
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

/** Converts an event of a service's store to a record. */
export function recordOfStored({ id, type, stream, correlationId, time, body, event }: StoredEvent): JournalRecord {
  return { source: event.source, id, type, subject: stream, correlationId, time, body, offset: null };
}

/** Adds the records that the journal lacks and counts them, in a transaction of its store; returns their number. */
export async function insertRecords(sql: Sql, records: readonly JournalRecord[], now = Date.now()): Promise<number> {
  const before = await highestRow(sql);
  let number = before;
  const added: JournalRecord[] = [];
  for (const record of records) {
    const { id, source, type, subject, correlationId, time, offset, body } = record;
    const inserted = await sql`
      INSERT INTO journal_events (row_number, id, source, type, subject, correlation_id, time, log_offset, body)
      VALUES (${number + 1}, ${id}, ${source}, ${type}, ${subject}, ${correlationId}, ${time}, ${offset}, ${body})
      ON CONFLICT (id, source) DO NOTHING RETURNING row_number`;
    if (inserted.length === 0) continue;
    number += 1;
    added.push(record);
  }
  await countSeen(sql, added, now);
  return number - before;
}
