import { bareChannel } from './bare.js';

/** An event of an order, received from the exchange. */
export interface Sighting {
  /** Time of receipt, by `performance.now()`. */
  at: number;
  /** Time of its creation, shortly before its commit, in milliseconds since the epoch. */
  made: number;
}

interface OrderEvent {
  type: string;
  time: string;
  data: { orderId?: string };
}

/** Receives all events of the exchange on a queue that the broker deletes with the connection. */
export async function listenToEvents(amqpUrl: string, exchange: string) {
  const { connection, channel } = await bareChannel(amqpUrl);
  const { queue } = await channel.assertQueue('', { exclusive: true });
  await channel.bindQueue(queue, exchange, '#');
  const sightings = new Map<string, Sighting>();
  const waiting = new Map<string, (sighting: Sighting) => void>();
  const counted = new Map<string, (sightings: number) => void>();
  const counts = new Map<string, number>();
  const key = (orderId: string, type: string) => `${orderId} ${type}`;
  await channel.consume(
    queue,
    (message) => {
      if (message === null) return;
      const at = performance.now();
      const { type, time, data } = JSON.parse(message.content.toString()) as OrderEvent;
      const name = key(data.orderId ?? '', type);
      if (sightings.has(name)) return;
      const count = (counts.get(type) ?? 0) + 1;
      counts.set(type, count);
      counted.get(type)?.(count);
      const sighting = { at, made: Date.parse(time) };
      sightings.set(name, sighting);
      waiting.get(name)?.(sighting);
    },
    { noAck: true },
  );
  return {
    /** Resolves with the first event of this type that is received for the order. Rejects after 30 seconds. */
    seen(orderId: string, type: string): Promise<Sighting> {
      const name = key(orderId, type);
      const known = sightings.get(name);
      if (known !== undefined) return Promise.resolve(known);
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`${name} was not received within 30 s`)), 30_000);
        waiting.set(name, (sighting) => {
          clearTimeout(timer);
          waiting.delete(name);
          resolve(sighting);
        });
      });
    },
    /** Resolves when events of this type have been received for that many orders. Rejects after two minutes. */
    count(type: string, orders: number): Promise<void> {
      return new Promise((resolve, reject) => {
        const timer = setTimeout(
          () => reject(new Error(`${counts.get(type)} of ${orders} ${type} within 120 s`)),
          120_000,
        );
        counted.set(type, (count) => {
          if (count < orders) return;
          clearTimeout(timer);
          resolve();
        });
      });
    },
    close: () => connection.close(),
  };
}

export type EventTimes = Awaited<ReturnType<typeof listenToEvents>>;
