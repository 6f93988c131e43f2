import { CLOUDEVENTS_JSON } from '../events/envelope.js';
import type { MessageProperties } from './contract.js';
import { HEADERS } from './headers.js';

/** The AMQP properties that mirror an event, so that the management UI shows what it is. */
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
    messageId: event.id,
    type: event.type,
    appId: event.source,
    timestamp: Math.trunc(event.time / 1000),
    correlationId: event.correlationId,
    contentType: CLOUDEVENTS_JSON,
    headers: { [HEADERS.subject]: event.subject },
  };
}
