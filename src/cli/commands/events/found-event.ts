import type { JournalEntry } from '../../../journal/entry.js';
import type { StoredEvent } from '../../../store/stored-event.js';

/** An event from a store or from the journal. */
export type FoundEvent = Omit<JournalEntry, 'place'>;

export function foundInStore(
  service: string,
  { id, type, stream, correlationId, time, body }: StoredEvent,
): FoundEvent {
  return { source: service, id, type, subject: stream, correlationId, time, body, offset: null };
}
