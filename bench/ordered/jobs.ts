import type { ConfirmChannel } from 'amqplib';
import { eventProperties } from '../../src/broker/messages/event-properties.js';
import { createEvent, originContext } from '../../src/events/create.js';
import { shop } from '../../test/support/shop.js';

/** Publishes `job.begun` number `n` of a subject. */
export function publishJob(
  channel: ConfirmChannel,
  address: { exchange: string; routingKey: string },
  { subject, n }: { subject: number; n: number },
  confirmed: (error: unknown) => void,
): void {
  const context = originContext({ source: 'bench', subject: `job/${subject}` });
  const event = createEvent(shop.definitions, 'job.begun', { n }, context);
  const properties = eventProperties({ ...event, correlationId: event.correlationid, time: Date.now() });
  const body = Buffer.from(JSON.stringify(event));
  channel.publish(address.exchange, address.routingKey, body, { ...properties, persistent: true }, confirmed);
}
