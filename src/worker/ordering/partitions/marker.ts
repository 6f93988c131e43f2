import type { Delivery, OutgoingMessage } from '../../../broker/broker.js';
import { HEADERS } from '../../../broker/messages/headers.js';

/** A message through the queue of an old partition: everything published to the queue before it precedes it. */
export function markerFor(queue: string, epoch: number, workerQueue: string): OutgoingMessage {
  return {
    exchange: '',
    routingKey: queue,
    body: new Uint8Array(),
    properties: { messageId: `marker-${epoch}`, headers: { [HEADERS.marker]: epoch } },
    mandatory: true,
    vouch: { origin: 'fleet', for: workerQueue },
  };
}

/** The epoch of a marker; undefined for another message. An event that a publisher has given the header reaches a partition
 *  through an exchange. */
export function markerEpoch({ exchange, properties, origin }: Delivery): number | undefined {
  const epoch = properties.headers[HEADERS.marker];
  return exchange === '' && origin !== 'outside' && typeof epoch === 'number' ? epoch : undefined;
}
