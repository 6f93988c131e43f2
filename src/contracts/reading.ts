import { FlotillaError, hasCode, messageOf } from '../errors.js';
import { upcast } from '../events/decode.js';
import { versionOf, type Definitions } from '../events/definitions.js';
import type { EventEnvelope } from '../events/envelope.js';
import { parseEnvelope, type EncodedEvent } from '../events/parse-envelope.js';

/** What the readers of a catalogue make of a message. */
export interface Reading {
  /** Undefined for a message that is no event. */
  event: EventEnvelope | undefined;
  /** The version that its `dataschema` names; undefined for a foreign one. */
  version: number | undefined;
  /** Why it cannot be read; undefined if it can. */
  failure: FlotillaError | undefined;
}

/** Reads a message as the workers of this catalogue do: the data must be valid for the version in which they were
 *  written and, upcast, for the newest one. Never throws. */
export function readMessage(definitions: Definitions, message: EncodedEvent): Reading {
  let event: EventEnvelope | undefined;
  let version: number | undefined;
  try {
    event = parseEnvelope(message);
    version = versionOf(event.type, event.dataschema) ?? (event.dataschema === '' ? 1 : undefined);
    const newest = upcast(definitions, event);
    if (newest.data !== event.data) requireUpcast(definitions, newest);
    return { event, version, failure: undefined };
  } catch (error) {
    return { event, version, failure: failureOf(error) };
  }
}

/** Throws `contract.upcast_failed` for data that an upcaster has made and the newest version refuses. */
function requireUpcast(definitions: Definitions, newest: EventEnvelope): void {
  try {
    upcast(definitions, newest);
  } catch (error) {
    if (!hasCode(error, 'contract.invalid_data')) throw error;
    throw new FlotillaError('contract.upcast_failed', `as ${newest.dataschema}, ${error.message}`, { cause: error });
  }
}

/** An error of an upcaster is code of the application. */
function failureOf(error: unknown): FlotillaError {
  if (error instanceof FlotillaError) return error;
  return new FlotillaError('contract.upcast_failed', messageOf(error), { cause: error });
}
