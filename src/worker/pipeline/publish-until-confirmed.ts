import { sleep } from '../../concurrency/sleep.js';
import { vouchAgain, type Publisher } from '../../broker/broker.js';
import type { Fields } from '../../broker/messages/amqp-fields.js';
import { HEADERS } from '../../broker/messages/headers.js';
import { republished } from '../../broker/messages/republish.js';
import { hasCode, messageOf } from '../../errors.js';
import type { PipelineContext } from './context.js';
import type { Message } from './message.js';

const FIRST_RETRY_MS = 50;
const LONGEST_RETRY_MS = 5000;

type CopyContext = Pick<PipelineContext, 'name' | 'names' | 'signal' | 'unpublished' | 'unconfirmed'> & {
  publisher: Pick<Publisher, 'ready' | 'publish'>;
};

/** Publishes a copy of the message, with additional headers, until the broker confirms it. Resolves with false when the
 *  delivery is lost (its channel is closed, or the process ends): the broker redelivers it, and it must not be acked.
 *  Rejects with `broker.unencodable` if no retry can succeed. */
export async function publishUntilConfirmed(
  { name, names, publisher, signal, unpublished, unconfirmed }: CopyContext,
  message: Message,
  target: { exchange: string; routingKey: string; headers: Fields },
): Promise<boolean> {
  const { delivery } = message;
  const gone = AbortSignal.any([delivery.lost, signal]);
  const { body, exchange, routingKey } = delivery;
  const { [HEADERS.quarantinedAt]: _at, [HEADERS.quarantinedFor]: _for, ...given } = delivery.properties.headers;
  const headers: Fields = { [HEADERS.exchange]: exchange, [HEADERS.routingKey]: routingKey, ...given };
  const properties = republished({ ...delivery.properties, headers }, target.headers);
  try {
    for (let pause = FIRST_RETRY_MS; !gone.aborted; pause = Math.min(pause * 2, LONGEST_RETRY_MS)) {
      try {
        await publisher.ready(gone);
        await publisher.publish({
          exchange: target.exchange,
          routingKey: target.routingKey,
          body,
          properties,
          mandatory: true,
          vouch: vouchAgain(delivery.origin, names.queue(name)),
        });
        unpublished.delete(message);
        if (unpublished.size === 0) unconfirmed.recovered('The copies of failed messages are confirmed again');
        return true;
      } catch (error) {
        if (gone.aborted) break;
        if (hasCode(error, 'broker.unencodable')) throw error;
        unpublished.add(message);
        unconfirmed.failed('The copy of a failed message was not confirmed; retrying', {
          exchange: target.exchange,
          routingKey: target.routingKey,
          error: messageOf(error),
        });
        await sleep(pause, gone);
      }
    }
    return false;
  } finally {
    unpublished.delete(message);
  }
}
