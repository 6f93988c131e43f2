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
  options?: {
    /** Whether `work` leaves nothing on its channel, so that the next work may use it too. @default false */
    reusable?: boolean;
  },
) => Promise<T>;

/** Milliseconds for which a channel waits for the next reusable work. Opening and closing one takes three requests. */
const IDLE_TIMEOUT_MS = 250;

/** Creates channels for single requests. `work` rejects with `broker.timeout` after its limit. The broker answers
 *  the requests of one channel in order, so a channel with a hanging request is not closed here. */
export function scratchChannels(connection: Connection, logger: Logger): ScratchChannel {
  const idle = new Set<ConfirmChannel>();
  const closed = new WeakSet<ConfirmChannel>();

  async function open(): Promise<ConfirmChannel> {
    const channel = await within(REQUEST_TIMEOUT_MS, 'opening a channel', connection.openConfirmChannel());
    // amqplib also reports the error to the failed request; without a listener it would end the connection
    channel.on('error', (error: Error) => logger.debug('a request was refused', { reason: error.message }));
    channel.on('close', () => {
      closed.add(channel);
      idle.delete(channel);
    });
    return channel;
  }

  function takeIdle(): ConfirmChannel | undefined {
    const [channel] = idle;
    if (channel !== undefined) idle.delete(channel);
    return channel;
  }

  function keep(channel: ConfirmChannel): void {
    idle.add(channel);
    setTimeout(() => {
      if (idle.delete(channel)) closeChannel(channel).catch(() => undefined);
    }, IDLE_TIMEOUT_MS).unref();
  }

  return async (what, limit, work, { reusable = false } = {}) => {
    const channel = (reusable ? takeIdle() : undefined) ?? (await open());
    let hangs = false;
    try {
      return await within(limit, what, work(channel));
    } catch (error) {
      hangs = hasCode(error, 'broker.timeout');
      throw error;
    } finally {
      if (reusable && !hangs && !closed.has(channel)) keep(channel);
      else {
        const closing = closed.has(channel) ? undefined : closeChannel(channel).catch(() => undefined);
        if (!hangs) await closing;
      }
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
