import { resolve } from 'node:path';
import { managementOf } from '../../config/load.js';
import { maskedUrl } from '../../config/secrets.js';
import { FlotillaError } from '../../errors.js';
import { readFleetState } from '../../supervisor/fleet-state.js';
import { isRunning } from '../../supervisor/process-identity.js';
import type { Context } from './context.js';

const DEFAULT = 'amqp://guest:guest@127.0.0.1:5672';

export interface BrokerAddress {
  amqpUrl: string;
  managementUrl: string;
  /** Who says so. */
  from: 'AMQP_URL' | 'the fleet that runs here' | 'default';
}

/** What a command does at the broker. */
export type Access = 'read' | 'write';

/** The broker that a command works on. Where neither AMQP_URL nor a running fleet names it, a command that writes is refused
 *  with `broker.not_configured`, and one that reads prints which broker it reads from. */
export async function brokerFor(
  context: Pick<Context, 'config' | 'cwd' | 'say'>,
  access: Access,
): Promise<BrokerAddress> {
  const address = await brokerAddress(context);
  if (address.from !== 'default') return address;
  const why = `AMQP_URL is not set, and no fleet runs in ${context.config.dataDir}`;
  if (access === 'write') throw new FlotillaError('broker.not_configured', why);
  context.say(`Reading from ${maskedUrl(address.amqpUrl)}: ${why}.`);
  return address;
}

/** Where the broker is: as AMQP_URL says; else that of the `up` which runs in this data directory; else RabbitMQ on its
 *  usual port of this machine. */
export async function brokerAddress(context: Pick<Context, 'config' | 'cwd'>): Promise<BrokerAddress> {
  const { amqpUrl, managementUrl, dataDir } = context.config;
  if (amqpUrl !== undefined) {
    return { amqpUrl, managementUrl: managementUrl ?? managementOf(amqpUrl), from: 'AMQP_URL' };
  }
  const state = await readFleetState(resolve(context.cwd, dataDir));
  if (state !== undefined && (await isRunning(state))) {
    return { amqpUrl: state.amqpUrl, managementUrl: state.managementUrl, from: 'the fleet that runs here' };
  }
  return { amqpUrl: DEFAULT, managementUrl: managementUrl ?? managementOf(DEFAULT), from: 'default' };
}
