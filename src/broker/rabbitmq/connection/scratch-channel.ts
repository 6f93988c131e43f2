import type { Channel, ConfirmChannel } from 'amqplib';
import { FlotillaError, hasCode, messageOf } from '../../../errors.js';
import type { Logger } from '../../../telemetry/logger.js';
import type { Connection } from './connection.js';
import { REQUEST_TIMEOUT_MS, within } from '../limits.js';

/** Runs work on a separate channel: a request that fails or hangs there ends no other channel. */
export type ScratchChannel = <T>(
  what: string,
  limit: number,
  work: (channel: ConfirmChannel) => Promise<T>,
) => Promise<T>;

/** Creates channels for single requests. `work` rejects with `broker.timeout` after its limit. The broker answers
 *  the requests of one channel in order, so a channel with a hanging request is not closed here. */
export function scratchChannels(connection: Connection, logger: Logger): ScratchChannel {
  return async (what, limit, work) => {
    const channel = await within(REQUEST_TIMEOUT_MS, 'opening a channel', connection.openConfirmChannel());
    let open = true;
    // amqplib also reports the error to the failed request; without a listener it would end the connection
    channel.on('error', (error: Error) => logger.debug('a request was refused', { what, reason: error.message }));
    channel.on('close', () => (open = false));
    let hangs = false;
    try {
      return await within(limit, what, work(channel));
    } catch (error) {
      hangs = hasCode(error, 'broker.timeout');
      throw error;
    } finally {
      const closing = open ? closeChannel(channel).catch(() => undefined) : undefined;
      if (!hangs) await closing;
    }
  };
}

/** Closes a channel. Resolves also if its connection is lost meanwhile, in which case amqplib does not answer. */
export async function closeChannel(channel: Channel): Promise<void> {
  const closed = new Promise<void>((resolve) => channel.on('close', resolve));
  await within(REQUEST_TIMEOUT_MS, 'closing a channel', Promise.race([channel.close(), closed]));
}

/** Returns the AMQP reply code of an amqplib error. */
export function codeOf(error: unknown): number | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : undefined;
}

/** Whether the broker knows the queue, but its node is down. */
export function isNodeDown(error: unknown): boolean {
  return codeOf(error) === 404 && /\bhome node\b.{0,300}\bis down\b/.test(messageOf(error));
}

/** Whether the AMQP user lacks the permission. 403 also means that a queue is in exclusive use. */
function isNotPermitted(error: unknown): boolean {
  return codeOf(error) === 403 && / access to .{1,600} refused for user /.test(messageOf(error));
}

/** Converts an amqplib error. 406: it exists with other arguments. Other refusals (404) stay unchanged, because a
 *  retry is pointless. An error without a reply code is the end of the connection. */
export function asBrokerError(error: unknown): Error {
  if (error instanceof FlotillaError) return error;
  const code = codeOf(error);
  if (isNotPermitted(error)) return new FlotillaError('broker.not_permitted', messageOf(error), { cause: error });
  if (code === 406) return new FlotillaError('broker.topology_conflict', messageOf(error), { cause: error });
  if (code !== undefined && error instanceof Error) return error;
  return new FlotillaError('broker.disconnected', messageOf(error), { cause: error });
}
