import type { EventEnvelope } from '../../events/envelope.js';
import { oneLine } from '../../events/text-line.js';
import { redact } from '../../text/redact.js';
import type { Json } from '../definition/types.js';

/** A message, as recorded in a saga's stream. */
export interface MessageRef {
  type: string;
  id: string;
  source: string;
  /** The message that caused it, for example the command that it answers. */
  causationId?: string | undefined;
}

export function refOf({ type, id, source, causationid }: EventEnvelope): MessageRef {
  return { type, id, source, ...(causationid !== undefined && { causationId: causationid }) };
}

/** The `reason` of a message in one line; undefined if it has none. */
export function reasonIn(data: unknown): string | undefined {
  const reason = typeof data === 'object' && data !== null && 'reason' in data ? data.reason : undefined;
  return typeof reason === 'string' && reason.trim() !== '' ? oneLineReason(reason) : undefined;
}

/** In characters. Reasons are passed on with commands to services that accept short text in one line. */
const MAX_REASON_LENGTH = 300;

/** The text in one line, redacted and truncated. */
export function oneLineReason(text: string): string {
  return oneLine(redact(text), MAX_REASON_LENGTH);
}

/** The value as the stream returns it: without undefined fields. */
export function asJson(value: Json): Json {
  return JSON.parse(JSON.stringify(value)) as Json;
}
