import { connect } from 'amqplib';
import { createManagement } from '../../src/broker/rabbitmq/management/management.js';
import { vhostOf } from '../../src/broker/rabbitmq/connection/addresses.js';
import { getJson } from '../support/running-fleet.js';
import type { PeerContext, Setting } from './peer.js';

/** Arguments of a quorum queue that keeps each message until the queue of its dead letters has it. */
export function quorumQueue(deadLetterExchange: string, deadLetterRoutingKey: string) {
  return {
    'x-queue-type': 'quorum',
    'x-dead-letter-exchange': deadLetterExchange,
    'x-dead-letter-routing-key': deadLetterRoutingKey,
    'x-dead-letter-strategy': 'at-least-once',
    'x-overflow': 'reject-publish',
  };
}

/** Reads back from RabbitMQ that each of these queues and exchanges exists and is durable, that the queues are quorum
 *  queues, and that a channel of this virtual host has confirms. */
export async function rabbitSettings(
  { amqpUrl, managementUrl }: PeerContext,
  { queues, exchanges }: { queues: readonly string[]; exchanges: readonly string[] },
): Promise<Setting[]> {
  const vhost = vhostOf(amqpUrl);
  const management = createManagement({ url: managementUrl, vhost });
  const [foundQueues, foundExchanges, channels] = await Promise.all([
    management.queues(),
    management.exchanges(),
    getJson(managementUrl, '/channels') as Promise<{ vhost: string; confirm: boolean }[]>,
  ]);
  const durability = (durable: boolean | undefined) => (durable === true ? 'durable' : 'not durable');
  return [
    ...queues.map((name) => {
      const queue = foundQueues.find((each) => each.name === name);
      return {
        name: `queue ${name}`,
        value: `${durability(queue?.durable)} ${queue?.type}`,
        required: 'durable quorum',
      };
    }),
    ...exchanges.map((name) => {
      const exchange = foundExchanges.find((each) => each.name === name);
      return { name: `exchange ${name}`, value: durability(exchange?.durable), required: 'durable' };
    }),
    {
      name: 'publisher confirms',
      value: channels.some((channel) => channel.vhost === vhost && channel.confirm) ? 'on' : 'off',
      required: 'on',
    },
  ];
}

/** Returns the number of messages that wait in these queues. */
export async function messagesIn(amqpUrl: string, queues: readonly string[]): Promise<number> {
  const connection = await connect(amqpUrl);
  try {
    const channel = await connection.createChannel();
    const counts = await Promise.all(queues.map((queue) => channel.checkQueue(queue)));
    return counts.reduce((sum, { messageCount }) => sum + messageCount, 0);
  } finally {
    await connection.close();
  }
}
