import type { StoredDeadLetter } from '../../../dead-letters/dead-letter.js';
import { decodedBody } from '../../../dead-letters/format-dead-letter.js';
import type { Definitions } from '../../../events/definitions.js';
import type { EventEnvelope } from '../../../events/envelope.js';
import { redact } from '../../../text/redact.js';
import { shownBody, shownEvent } from '../../shared/output/shown-event.js';

/** A dead letter whose body is JSON, text, or `{ base64 }`. */
export type ShownDeadLetter = Omit<StoredDeadLetter, 'body'> & { body: unknown };

/** The dead letter with everything that it contains. */
export function wholeDeadLetter(deadLetter: StoredDeadLetter): ShownDeadLetter {
  const { json, text, base64 } = decodedBody(deadLetter.body);
  return { ...deadLetter, body: base64 === undefined ? (json ?? text) : { base64 } };
}

/** The dead letter without personal data: in the message, as far as the catalogue tells, and in the text of errors and
 *  headers, which other programs and earlier versions may have written. */
export function maskedDeadLetter(deadLetter: StoredDeadLetter, definitions: Definitions): ShownDeadLetter {
  const { message, attempts, properties, replacement } = deadLetter;
  return {
    ...deadLetter,
    message: redact(message),
    attempts: attempts.map((attempt) => ({ ...attempt, message: redact(attempt.message) })),
    properties: JSON.parse(JSON.stringify(properties), (_, value: unknown) =>
      typeof value === 'string' ? redact(value) : value,
    ) as typeof properties,
    body: shownBody(definitions, deadLetter),
    replacement: replacement && {
      ...replacement,
      body: JSON.stringify(shownEvent(definitions, JSON.parse(replacement.body) as EventEnvelope)),
    },
  };
}
