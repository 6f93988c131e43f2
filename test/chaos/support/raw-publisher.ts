import { connect, type Options } from 'amqplib';

/** Publishes any message like an arbitrary client of the broker; resolves when the broker has confirmed it. */
export async function publishRaw(
  amqpUrl: string,
  exchange: string,
  routingKey: string,
  messages: readonly { body: Buffer; options?: Options.Publish }[],
): Promise<void> {
  const connection = await connect(amqpUrl);
  try {
    const channel = await connection.createConfirmChannel();
    for (const { body, options } of messages) channel.publish(exchange, routingKey, body, options);
    await channel.waitForConfirms();
  } finally {
    await connection.close();
  }
}
