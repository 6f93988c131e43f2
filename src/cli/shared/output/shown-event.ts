import { FlotillaError } from '../../../errors.js';
import { upcast } from '../../../events/decode.js';
import { parseEnvelope, type EncodedEvent } from '../../../events/parse-envelope.js';
import type { Definitions } from '../../../events/definitions.js';
import type { EventEnvelope } from '../../../events/envelope.js';
import { hasHidden, HIDDEN, maskPersonal } from '../../../events/personal.js';
import type { Context } from '../context.js';

/** The envelope with the fields hidden that its type marks as personal. All of its data is hidden where the catalogue does not
 *  know the type, or the data does not fit it. The marks are those of the latest version, so the data is shown as of that. */
export function shownEvent(definitions: Definitions, event: EventEnvelope): EventEnvelope {
  try {
    const latest = upcast(definitions, event);
    return { ...latest, data: maskPersonal(latest.data, definitions[event.type]?.pii ?? []) };
  } catch (error) {
    if (error instanceof FlotillaError) return { ...event, data: HIDDEN };
    throw error;
  }
}

/** Prints, where a value is hidden in what was printed, how to see it. */
export function reportHidden(context: Pick<Context, 'say'>, shown: unknown): void {
  if (hasHidden(shown)) context.say('Personal data is hidden; --pii shows it.');
}

/** The event in a message of any content type, as `shownEvent` returns it; a body that is no event is hidden. */
export function shownBody(definitions: Definitions, { body, properties }: EncodedEvent): EventEnvelope | typeof HIDDEN {
  try {
    return shownEvent(definitions, parseEnvelope({ body, properties: { ...properties, contentType: undefined } }));
  } catch (error) {
    if (error instanceof FlotillaError) return HIDDEN;
    throw error;
  }
}
