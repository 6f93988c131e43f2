import type { EventEnvelope } from '../../events/envelope.js';

/** The fields of the log by which the entries of one message, and those of one story, are found. */
export function eventLogFields(event: EventEnvelope | undefined): Record<string, string | undefined> {
  return {
    event: event?.id,
    type: event?.type,
    correlation: event?.correlationid,
    traceparent: event?.traceparent,
  };
}
