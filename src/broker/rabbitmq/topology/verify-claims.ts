import type { ChannelModel } from 'amqplib';
import type { ExchangeSpec } from '../../topology/topology.js';
import { REQUEST_TIMEOUT_MS, within } from '../limits.js';
import { exchangeOptions } from './inspect.js';
import { closeChannel, codeOf } from '../connection/scratch-channel.js';
import { messageOf } from '../../../errors.js';

/** Declares the claims of this process on a new connection: after a loss, another broker may listen at the same
 *  address. Resolves with the reply of the broker if another fleet holds a claim. A user who may not declare a claim
 *  cannot verify it. Rejects if the broker does not answer. */
export async function verifyClaims(
  connection: ChannelModel,
  claims: readonly ExchangeSpec[],
): Promise<string | undefined> {
  for (const claim of claims) {
    const channel = await within(REQUEST_TIMEOUT_MS, 'opening a channel', connection.createChannel());
    channel.on('error', () => undefined); // the request below rejects with it
    try {
      const declared = channel.assertExchange(claim.name, claim.type, exchangeOptions(claim));
      await within(REQUEST_TIMEOUT_MS, `declaring exchange ${claim.name}`, declared);
      await closeChannel(channel);
    } catch (error) {
      if (codeOf(error) === 406) return messageOf(error);
      if (codeOf(error) !== 403) throw error;
    }
  }
  return undefined;
}
