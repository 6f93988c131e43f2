import { bareChannel } from '../support/bare.js';
import { PREFETCH, type Order, type StartPeer } from './peer.js';
import { rabbitSettings } from './rabbit.js';

const QUEUE = 'solo';

/** The bare driver: a confirm channel, and a consumer that parses and acks. It has no retries, so it takes no orders. */
export const start: StartPeer = async (context) => {
  const { connection, channel } = await bareChannel(context.amqpUrl);
  await channel.assertQueue(QUEUE, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
  return {
    url: undefined,
    publish: (order) =>
      new Promise((resolve, reject) => {
        const body = Buffer.from(JSON.stringify(order));
        channel.sendToQueue(QUEUE, body, { persistent: true }, (error: unknown) => {
          if (error) reject(error instanceof Error ? error : new Error('nack'));
          else resolve();
        });
      }),
    async consume(handle) {
      const consuming = await connection.createChannel();
      await consuming.prefetch(PREFETCH);
      await consuming.consume(QUEUE, (message) => {
        if (message === null) return;
        handle(JSON.parse(message.content.toString()) as Order);
        consuming.ack(message);
      });
    },
    settings: () => rabbitSettings(context, { queues: [QUEUE], exchanges: [] }),
    failures: async () => 0,
    stop: () => connection.close(),
  };
};
