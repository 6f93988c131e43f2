import type { OutgoingMessage } from '../broker/broker.js';
import { eventProperties } from '../broker/messages/event-properties.js';
import type { StoredEvent } from '../store/stored-event.js';

/** Creates the message of an event: the stored body, byte for byte, never parsed. `mandatory`, because without the
 *  topology the event would be lost. */
export function eventMessage(event: StoredEvent, exchange: string, source: string): OutgoingMessage {
  const { id, type, stream: subject, correlationId, time } = event;
  return {
    exchange,
    routingKey: type,
    body: Buffer.from(event.body),
    mandatory: true,
    vouch: { origin: 'fleet' },
    properties: eventProperties({ id, type, source, subject, correlationId, time }),
  };
}
