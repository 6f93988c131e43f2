import type { EventEnvelope } from '../../events/envelope.js';

/** The log fields that identify the entries of one message and of one correlation. */
export function eventLogFields(event: EventEnvelope | undefined): Record<string, string | undefined> {
  return {
    event: event?.id,
    type: event?.type,
    correlation: event?.correlationid,
    traceparent: event?.traceparent,
  };
}
