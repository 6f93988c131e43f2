import { vhostOf } from '../../broker/rabbitmq/connection/addresses.js';
import { createManagement, type Management } from '../../broker/rabbitmq/management/management.js';
import { managementOf } from '../../config/load-config.js';
import { FlotillaError } from '../../errors.js';
import { readFleetState } from '../../supervisor/fleet-state.js';
import { isRunning } from '../../supervisor/process-identity.js';
import { dataDirOf, type Place } from '../place.js';

const DEFAULT = 'amqp://guest:guest@127.0.0.1:5672';

export interface BrokerAddress {
  amqpUrl: string;
  managementUrl: string;
  /** Where the address is from. */
  from: 'AMQP_URL' | 'the fleet that runs here' | 'default';
}

/** Where the broker is: as AMQP_URL says; else that of the `up` which runs in this data directory; else RabbitMQ on its
 *  usual port of this machine. */
export async function brokerAddress(place: Place): Promise<BrokerAddress> {
  const { amqpUrl, managementUrl } = place.config;
  if (amqpUrl !== undefined) {
    return { amqpUrl, managementUrl: managementUrl ?? managementOf(amqpUrl), from: 'AMQP_URL' };
  }
  const state = await readFleetState(dataDirOf(place));
  if (state !== undefined && (await isRunning(state))) {
    return { amqpUrl: state.amqpUrl, managementUrl: state.managementUrl, from: 'the fleet that runs here' };
  }
  return { amqpUrl: DEFAULT, managementUrl: managementUrl ?? managementOf(DEFAULT), from: 'default' };
}

/** The address of a broker to write to. Rejects with `broker.not_configured` where neither AMQP_URL nor a running fleet names
 *  one. */
export async function configuredBroker(place: Place): Promise<BrokerAddress> {
  const address = await brokerAddress(place);
  if (address.from === 'default') throw new FlotillaError('broker.not_configured', notConfigured(place));
  return address;
}

export function notConfigured({ config }: Pick<Place, 'config'>): string {
  return `AMQP_URL is not set, and no fleet runs in ${config.dataDir}`;
}

/** The management API of the broker. */
export async function openManagement(place: Place, timeout?: number): Promise<Management> {
  return managementAt(await brokerAddress(place), timeout);
}

/** The management API of the broker at this address. `timeout`: milliseconds for each request. */
export function managementAt({ amqpUrl, managementUrl }: BrokerAddress, timeout?: number): Management {
  return createManagement({ url: managementUrl, vhost: vhostOf(amqpUrl), ...(timeout !== undefined && { timeout }) });
}
