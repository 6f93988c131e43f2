import type { Broker, Delivery, Publisher } from '../broker/broker.js';
import type { Fields } from '../broker/messages/amqp-fields.js';
import { republished } from '../broker/messages/republish.js';

/** Where a message moves to. */
export interface MoveTarget {
  exchange: string;
  routingKey: string;
  /** Headers of the fleet that it gets in addition. */
  headers?: Fields;
}

/** Returns the `handle` of a drain that moves each message. It is confirmed at its target before it is acked: if the process
 *  ends in between, two copies exist, and the inbox of a worker detects the duplicate. `moved` is called between the two. */
export function moveWith(
  publisher: Pick<Publisher, 'publish'>,
  target: (delivery: Delivery) => MoveTarget,
  moved: (delivery: Delivery) => Promise<void> = () => Promise.resolve(),
): (delivery: Delivery) => Promise<void> {
  return async (delivery) => {
    const { exchange, routingKey, headers } = target(delivery);
    const properties = republished(delivery.properties, headers);
    await publisher.publish({ exchange, routingKey, body: delivery.body, properties, mandatory: true });
    await moved(delivery);
    delivery.ack();
  };
}

/** Runs `work` with a publisher that is ready, at the latest after `limit` milliseconds, and closes it afterwards. */
export async function withPublisher<T>(
  broker: Broker,
  { limit, signal }: { limit: number; signal: AbortSignal },
  work: (publisher: Publisher) => Promise<T>,
): Promise<T> {
  const publisher = broker.createPublisher();
  try {
    await publisher.ready(AbortSignal.any([signal, AbortSignal.timeout(limit)]));
    return await work(publisher);
  } finally {
    await publisher.close();
  }
}
