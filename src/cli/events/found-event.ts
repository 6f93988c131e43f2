import { FlotillaError } from '../../errors.js';
import { upcast } from '../../events/decode.js';
import type { Definitions } from '../../events/definitions.js';
import type { EventEnvelope } from '../../events/envelope.js';
import type { JournalEntry } from '../../journal/entry.js';
import type { StoredEvent } from '../../store/stored-event.js';

/** An event, wherever it was found. */
export type FoundEvent = Omit<JournalEntry, 'place'>;

export function foundInStore(
  service: string,
  { id, type, stream, correlationId, time, body }: StoredEvent,
): FoundEvent {
  return { source: service, id, type, subject: stream, correlationId, time, body, offset: null };
}

const HIDDEN = '••••••••';

/** The envelope as it may be shown: what its type marks as personal is hidden; all of its data where that cannot be told,
 *  because the catalogue does not know the type. The fields that are marked are those of the latest version, so that the
 *  data is shown as of that. */
export function shownEnvelope(definitions: Definitions, { body }: FoundEvent, withPersonal: boolean): EventEnvelope {
  const event = JSON.parse(body) as EventEnvelope;
  if (withPersonal) return event;
  try {
    const latest = upcast(definitions, event);
    const paths = definitions[event.type]?.pii ?? [];
    return { ...latest, data: paths.reduce((data, path) => hide(data, path.split('.')), latest.data) };
  } catch (error) {
    if (error instanceof FlotillaError) return { ...event, data: HIDDEN };
    throw error;
  }
}

function hide(value: unknown, [step, ...rest]: readonly string[]): unknown {
  if (step === undefined || step === '') return value === undefined || value === null ? value : HIDDEN;
  if (Array.isArray(value)) return step === '*' ? value.map((element: unknown) => hide(element, rest)) : value;
  if (typeof value !== 'object' || value === null || !(step in value)) return value;
  return { ...value, [step]: hide((value as Record<string, unknown>)[step], rest) };
}
