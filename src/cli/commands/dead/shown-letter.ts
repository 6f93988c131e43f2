import type { StoredDeadLetter } from '../../../dead-letters/dead-letter.js';
import { decodedBody } from '../../../dead-letters/format-dead-letter.js';
import type { Definitions } from '../../../events/definitions.js';
import type { EventEnvelope } from '../../../events/envelope.js';
import { redact } from '../../../text/redact.js';
import { shownBody, shownEvent } from '../../shared/output/shown-event.js';

/** A dead letter whose body is JSON, text, or `{ base64 }`. */
export type ShownLetter = Omit<StoredDeadLetter, 'body'> & { body: unknown };

/** The dead letter with everything that it contains. */
export function wholeLetter(letter: StoredDeadLetter): ShownLetter {
  const { json, text, base64 } = decodedBody(letter.body);
  return { ...letter, body: base64 === undefined ? (json ?? text) : { base64 } };
}

/** The dead letter without personal data: in the message, as far as the catalogue tells, and in the text of errors and
 *  headers, which other programs and earlier versions may have written. */
export function maskedLetter(letter: StoredDeadLetter, definitions: Definitions): ShownLetter {
  const { message, attempts, properties, replacement } = letter;
  return {
    ...letter,
    message: redact(message),
    attempts: attempts.map((attempt) => ({ ...attempt, message: redact(attempt.message) })),
    properties: JSON.parse(JSON.stringify(properties), (_, value: unknown) =>
      typeof value === 'string' ? redact(value) : value,
    ) as typeof properties,
    body: shownBody(definitions, letter),
    replacement: replacement && {
      ...replacement,
      body: JSON.stringify(shownEvent(definitions, JSON.parse(replacement.body) as EventEnvelope)),
    },
  };
}
