import { resolve } from 'node:path';
import { managementOf } from '../../config/load.js';
import { readFleetState } from '../supervisor/fleet-state.js';
import { isRunning } from '../supervisor/process-identity.js';
import type { Context } from './context.js';

const DEFAULT = 'amqp://guest:guest@127.0.0.1:5672';

export interface BrokerAddress {
  amqpUrl: string;
  managementUrl: string;
  /** Who says so. */
  from: 'AMQP_URL' | 'the fleet that runs here' | 'default';
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
