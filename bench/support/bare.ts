import { connect, type ChannelModel, type ConfirmChannel } from 'amqplib';

/** Opens an amqplib connection with a confirm channel, without Flotilla. */
export async function bareChannel(url: string): Promise<{ connection: ChannelModel; channel: ConfirmChannel }> {
  const connection = await connect(url, { noDelay: true });
  return { connection, channel: await connection.createConfirmChannel() };
}

/** Publishes `count` messages with at most `window` unconfirmed; resolves when all are confirmed. */
export function publishWindowed(
  channel: ConfirmChannel,
  count: number,
  window: number,
  publish: (n: number, confirmed: (error: unknown) => void) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let next = 0;
    let confirmed = 0;
    const onConfirm = (error: unknown) => {
      if (error) return reject(error instanceof Error ? error : new Error('nack'));
      confirmed += 1;
      if (confirmed === count) resolve();
      else fill();
    };
    const fill = () => {
      while (next < count && next - confirmed < window) publish(next++, onConfirm);
    };
    fill();
  });
}
