import { FlotillaError } from '../errors.js';
import type { EventEnvelope } from './envelope.js';
import { parseEnvelope, type EncodedEvent } from './parse-envelope.js';

/** Reads the envelope of a message; undefined if the message is not an event. */
export function eventIn(message: EncodedEvent): EventEnvelope | undefined {
  try {
    return parseEnvelope(message);
  } catch (error) {
    if (error instanceof FlotillaError) return undefined;
    throw error;
  }
}
