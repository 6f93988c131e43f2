import { maskedUrl } from '../../config/secrets.js';
import {
  brokerAddress,
  configuredBroker,
  notConfigured,
  type BrokerAddress,
} from '../../runtime/broker/broker-address.js';
import type { Context } from './context.js';

/** What a command does at the broker. */
export type Access = 'read' | 'write';

/** The broker that a command works on. Where neither AMQP_URL nor a running fleet names it, a command that writes is refused
 *  with `broker.not_configured`, and one that reads prints which broker it reads from. */
export async function brokerFor(
  context: Pick<Context, 'config' | 'cwd' | 'say'>,
  access: Access,
): Promise<BrokerAddress> {
  if (access === 'write') return configuredBroker(context);
  const address = await brokerAddress(context);
  if (address.from === 'default') {
    context.say(`Reading from ${maskedUrl(address.amqpUrl)}: ${notConfigured(context)}.`);
  }
  return address;
}
