import { z } from 'zod';
import type { EventEnvelope } from '../../events/envelope.js';
import type { Fields } from './amqp-fields.js';
import { HEADERS } from './headers.js';

const position = z.object({ source: z.string(), subject: z.string(), number: z.int().min(1) });

/** The place of an event in the sequence of its source and subject; `number` from 1. */
export type EventPosition = z.output<typeof position>;

const MAX_LENGTH = 4096;

/** The position of an event; of an edited dead letter, that of the event which it replaces. Undefined for an event without
 *  a number. Never throws. */
export function positionOf(
  { source, subject, sequence }: Pick<EventEnvelope, 'source' | 'subject' | 'sequence'>,
  headers: Fields,
): EventPosition | undefined {
  if (sequence === undefined) return readPosition(headers);
  const number = Number(sequence);
  return Number.isSafeInteger(number) && number > 0 ? { source, subject, number } : undefined;
}

/** The header of an edited event that replaces the one at this position. */
export function positionHeader(replaced: EventPosition | undefined): Fields {
  return replaced === undefined ? {} : { [HEADERS.position]: JSON.stringify(replaced) };
}

function readPosition(headers: Fields): EventPosition | undefined {
  const text = headers[HEADERS.position];
  if (typeof text !== 'string' || text.length > MAX_LENGTH) return undefined;
  try {
    return position.safeParse(JSON.parse(text)).data;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
