import type { ConfirmChannel, ConsumeMessage } from 'amqplib';
import { FlotillaError, messageOf } from '../../../errors.js';
import { failpoint } from '../../../failpoints.js';
import { withUserId } from '../../users/verify-publisher.js';
import { republished } from '../../messages/republish.js';
import type { RetiredQueue } from '../../topology/topology.js';
import { propertiesOf } from '../consumer.js';
import { REQUEST_TIMEOUT_MS } from '../limits.js';
import { codeOf, type ScratchChannel } from '../connection/scratch-channel.js';

/** Maximum number of messages in flight. */
const WINDOW = 100;
/** How long a move waits for a message, in milliseconds. */
const IDLE_LIMIT_MS = 10_000;
/** How long it waits for a confirm. Longer, because aborting duplicates the messages in flight. */
const CONFIRM_LIMIT_MS = 60_000;
const MOVE_LIMIT_MS = 3_600_000;

/**
 * Moves the messages of a queue of an earlier release to its successor, in order, and deletes it. Each message is
 * confirmed there before it is acked here: a process that is killed in between leaves a duplicate. Only one process
 * moves messages at a time; every step may be repeated. Resolves with the number of messages moved once the queue is
 * deleted; rejects if a step is not possible now, for example while its node is down.
 */
export async function retireQueue(queue: RetiredQueue, onScratchChannel: ScratchChannel): Promise<number> {
  const { name, boundTo } = queue;
  // first, so that no message arrives twice; the successor is bound already
  await onScratchChannel(`unbinding ${name}`, REQUEST_TIMEOUT_MS, (channel) => channel.unbindQueue(name, boundTo, ''));
  const moved = await onScratchChannel(`emptying ${name}`, MOVE_LIMIT_MS, (channel) => moveMessages(channel, queue));
  failpoint('broker.queue_emptied');
  try {
    // if an earlier release has bound it again meanwhile, it stays, and this is repeated
    await onScratchChannel(`deleting ${name}`, REQUEST_TIMEOUT_MS, (channel) =>
      channel.deleteQueue(name, { ifUnused: true, ifEmpty: true }),
    );
  } catch (error) {
    if (codeOf(error) !== 404) throw error;
  }
  return moved;
}

async function moveMessages(channel: ConfirmChannel, { name, successor }: RetiredQueue): Promise<number> {
  const { messageCount } = await channel.checkQueue(name);
  if (messageCount === 0) return 0;
  // through a separate exchange, so that the messages keep their routing keys and reach no other queue
  const via = `${name}.move`;
  await channel.assertExchange(via, 'fanout', { durable: true, autoDelete: true });
  await channel.bindQueue(successor, via, '');
  await channel.prefetch(WINDOW);
  await forwardAll(channel, { name, via, count: messageCount });
  await channel.deleteExchange(via);
  return messageCount;
}

function forwardAll(
  channel: ConfirmChannel,
  { name, via, count }: { name: string; via: string; count: number },
): Promise<void> {
  return new Promise((resolve, reject) => {
    let done = 0;
    let inFlight = 0;
    let failed = false;
    let timer: NodeJS.Timeout | undefined;
    const failWith = (error: Error) => {
      failed = true;
      clearTimeout(timer);
      reject(error);
    };
    const fail = (reason: string) =>
      failWith(new FlotillaError('broker.no_answer', `moving the messages of queue ${name}: ${reason}`));
    const progress = () => {
      clearTimeout(timer);
      const limit = inFlight > 0 ? CONFIRM_LIMIT_MS : IDLE_LIMIT_MS;
      timer = setTimeout(() => fail(`nothing moved within ${limit} ms`), limit);
    };
    const finish = () => {
      clearTimeout(timer);
      resolve();
    };
    const forward = (message: ConsumeMessage | null) => {
      if (failed) return;
      if (message === null) return fail('the queue was deleted');
      const { content, fields } = message;
      const properties = withUserId(republished(propertiesOf(message)), undefined);
      try {
        channel.publish(
          via,
          fields.routingKey,
          content,
          { ...properties, persistent: true, mandatory: true },
          (error) => {
            if (failed) return;
            if (error !== null) return fail('its successor refused a message');
            failpoint('broker.message_moved');
            channel.ack(message);
            done += 1;
            inFlight -= 1;
            progress();
            if (done === count) finish();
          },
        );
        if (inFlight++ === 0) progress();
      } catch (error) {
        // amqplib cannot encode it; the message stays, and so does the queue
        fail(`message ${properties.messageId ?? ''} cannot be published: ${messageOf(error)}`);
      }
    };
    channel.once('return', () => fail('its successor is not bound'));
    channel.once('error', failWith);
    channel.once('close', () => fail('the channel was closed'));
    progress();
    // exclusive: other processes are refused, so that the order is kept
    channel.consume(name, forward, { exclusive: true }).catch(failWith);
  });
}
