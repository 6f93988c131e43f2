import { connect, type Options } from 'amqplib';

/** Publishes whatever it is told to, as any client of the broker could; resolves when the broker has confirmed. */
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
