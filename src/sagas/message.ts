import type { EventEnvelope } from '../events/envelope.js';
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

/** What a message gives as its reason, where it does. */
export function reasonIn(data: unknown): string | undefined {
  const reason = typeof data === 'object' && data !== null && 'reason' in data ? data.reason : undefined;
  return typeof reason === 'string' ? reason : undefined;
}

/** The value as the stream gives it back: without fields that are undefined. */
export function asJson(value: Json): Json {
  return JSON.parse(JSON.stringify(value)) as Json;
}
