import { FlotillaError } from '../../../errors.js';
import { upcast } from '../../../events/decode.js';
import { parseEnvelope, type EncodedEvent } from '../../../events/parse-envelope.js';
import type { Definitions } from '../../../events/definitions.js';
import type { EventEnvelope } from '../../../events/envelope.js';
import { hasHidden, HIDDEN, maskPersonal } from '../../../events/personal.js';
import type { Context } from '../context.js';

/** Returns the envelope without the personal fields of its type. Hides all of the data if the catalogue does not
 *  contain the type or the data is invalid. The latest version marks the personal fields, so the data is upcast to it. */
export function shownEvent(definitions: Definitions, event: EventEnvelope): EventEnvelope {
  try {
    const latest = upcast(definitions, event);
    return { ...latest, data: maskPersonal(latest.data, definitions[event.type]?.pii ?? []) };
  } catch (error) {
    if (error instanceof FlotillaError) return { ...event, data: HIDDEN };
    throw error;
  }
}

/** Prints how to show hidden values, if the printed text contains any. */
export function reportHidden(context: Pick<Context, 'say'>, shown: unknown): void {
  if (hasHidden(shown)) context.say('Personal data is hidden; --pii shows it.');
}

/** Returns the event in a message of any content type, as `shownEvent` does. Hides a body that is not an event. */
export function shownBody(definitions: Definitions, { body, properties }: EncodedEvent): EventEnvelope | typeof HIDDEN {
  try {
    return shownEvent(definitions, parseEnvelope({ body, properties: { ...properties, contentType: undefined } }));
  } catch (error) {
    if (error instanceof FlotillaError) return HIDDEN;
    throw error;
  }
}
