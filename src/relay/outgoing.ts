import type { OutgoingMessage } from '../broker/contract.js';
import { HEADERS } from '../broker/headers.js';
import { CLOUDEVENTS_JSON } from '../events/envelope.js';
import type { StoredEvent } from '../store/stored-event.js';

/** The message that says this event: its body as it is stored, byte for byte, and properties that mirror it, so that
 *  the broker's own tools show them. `mandatory`, because without the topology the event would go nowhere. */
export function outgoing(event: StoredEvent, exchange: string, source: string): OutgoingMessage {
  return {
    exchange,
    routingKey: event.type,
    body: Buffer.from(event.body),
    mandatory: true,
    properties: {
      messageId: event.id,
      type: event.type,
      appId: source,
      timestamp: Math.floor(event.time / 1000),
      correlationId: event.correlationId,
      contentType: CLOUDEVENTS_JSON,
      headers: { [HEADERS.subject]: event.stream },
    },
  };
}
