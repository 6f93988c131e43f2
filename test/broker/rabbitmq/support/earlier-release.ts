import { connect } from 'amqplib';
import type { TopologyOptions } from '../../../../src/broker/topology/topology.js';
import { namesFor } from '../../../../src/broker/topology/topology.js';

export const options: Omit<TopologyOptions, 'prefix'> = {
  log: { maxAge: '1h', maxBytes: 20_000_000 },
  unroutedMax: 5000,
};

/** Declares the queue of unrouted messages as releases before 0.1.0 did, on the node of this URL, and publishes `count`
 *  messages to it, numbered from `first` on. */
export async function asEarlierRelease(url: string, prefix: string, { first = 0, count = 0 } = {}): Promise<void> {
  const { unrouted } = namesFor(prefix);
  const connection = await connect(url);
  const channel = await connection.createConfirmChannel();
  await channel.assertExchange(unrouted, 'fanout', { durable: true });
  await channel.assertQueue(unrouted, {
    durable: true,
    arguments: { 'x-queue-type': 'classic', 'x-max-length': options.unroutedMax, 'x-overflow': 'drop-head' },
  });
  await channel.bindQueue(unrouted, unrouted, '');
  for (let i = first; i < first + count; i += 1) {
    channel.publish(unrouted, `nothing.n${i}`, Buffer.from(String(i)), {
      persistent: true,
      messageId: `m${i}`,
      type: `nothing.n${i}`,
      contentType: 'text/plain',
      headers: { number: i },
    });
  }
  await channel.waitForConfirms();
  await connection.close();
}
