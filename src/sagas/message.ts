import type { EventEnvelope } from '../events/envelope.js';
import { oneLine } from '../events/text-line.js';
import { redact } from '../text/redact.js';
import type { Json } from './types.js';

/** A message, as far as it is told in a saga's stream. */
export interface MessageRef {
  type: string;
  id: string;
  source: string;
  /** What it follows from, such as the command that it answers. */
  causationId?: string | undefined;
}

export function refOf({ type, id, source, causationid }: EventEnvelope): MessageRef {
  return { type, id, source, ...(causationid !== undefined && { causationId: causationid }) };
}

/** What a message gives as its reason, where it does; one line. */
export function reasonIn(data: unknown): string | undefined {
  const reason = typeof data === 'object' && data !== null && 'reason' in data ? data.reason : undefined;
  return typeof reason === 'string' && reason.trim() !== '' ? oneLineReason(reason) : undefined;
}

/** Reasons go on with commands, to services that take neither line breaks nor whole stories. */
const LONGEST_REASON = 300;

/** The text as one line, redacted, cut where it is too long. */
export function oneLineReason(text: string): string {
  return oneLine(redact(text), LONGEST_REASON);
}

/** The value as the stream gives it back: without fields that are undefined. */
export function asJson(value: Json): Json {
  return JSON.parse(JSON.stringify(value)) as Json;
}
