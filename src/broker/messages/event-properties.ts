import { CLOUDEVENTS_JSON } from '../../events/envelope.js';
import type { MessageProperties } from '../broker.js';
import { HEADERS } from './headers.js';
import { isShort } from './republish.js';
import { slotHeaders } from './slot-headers.js';

/** Longer subjects appear in the body only. */
const MAX_SUBJECT_LENGTH = 512;

/** Returns the AMQP properties that mirror an event, for example for the management UI. Values that AMQP cannot
 *  encode are omitted, because the body contains the whole event. */
export function eventProperties(event: {
  id: string;
  type: string;
  source: string;
  subject: string;
  correlationId: string;
  /** Milliseconds since the epoch. */
  time: number;
}): MessageProperties {
  return {
    messageId: shortOrNothing(event.id),
    type: shortOrNothing(event.type),
    appId: shortOrNothing(event.source),
    timestamp: Math.max(0, Math.trunc(event.time / 1000)),
    correlationId: shortOrNothing(event.correlationId),
    contentType: CLOUDEVENTS_JSON,
    headers: {
      ...(event.subject.length <= MAX_SUBJECT_LENGTH && { [HEADERS.subject]: event.subject }),
      ...slotHeaders(event.subject),
    },
  };
}

function shortOrNothing(text: string): string | undefined {
  return isShort(text) ? text : undefined;
}
