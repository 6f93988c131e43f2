import { randomBytes } from 'node:crypto';
import { FlotillaError } from '../../errors.js';
import type { Grant, Management } from '../rabbitmq/management/management.js';
import type { Names } from '../topology/topology.js';

/** The tag of users for devices: others are never replaced or deleted. It grants nothing. */
const DEVICE_TAG = 'device';
const PASSWORD_BYTES = 24;

/** The routing keys of a device. */
export interface DeviceKeys {
  publishes: readonly string[];
  subscribes: readonly string[];
}

/** The devices that have a user, by name. */
export async function listDevices(management: Management): Promise<string[]> {
  const users = await management.users();
  return users
    .filter(({ tags }) => tags.includes(DEVICE_TAG))
    .map(({ name }) => name)
    .sort();
}

/** Creates the broker's user of a device, and returns its password, which is stored nowhere else. A new password replaces
 *  that of a known device. Rejects with `name.invalid` if another user has the name. */
export async function addDevice(
  management: Management,
  device: string,
  keys: DeviceKeys,
  names: Names,
): Promise<{ password: string; replaced: boolean }> {
  const existing = (await management.users()).find(({ name }) => name === device);
  if (existing !== undefined && !existing.tags.includes(DEVICE_TAG)) {
    throw new FlotillaError('name.invalid', `the broker has a user ${device}, which is not a device`);
  }
  const password = randomBytes(PASSWORD_BYTES).toString('base64url');
  await management.putUser({ name: device, password, tags: [DEVICE_TAG] }, permissionsOf(device, keys, names));
  return { password, replaced: existing !== undefined };
}

/** Deletes the user of a device. Rejects with `name.unknown` if there is none. */
export async function removeDevice(management: Management, device: string): Promise<void> {
  if (!(await listDevices(management)).includes(device)) {
    throw new FlotillaError('name.unknown', `the broker has no device ${device}`);
  }
  await management.deleteUser(device);
}

/** A device publishes and subscribes to its own topics. The plugin keeps the subscriptions of a client in queues with its
 *  client id, which is therefore the id of the device. */
function permissionsOf(device: string, { publishes, subscribes }: DeviceKeys, { telemetry }: Names): Grant {
  const exchange = escaped(telemetry);
  const subscriptions = `mqtt-subscription-${device}qos[01]`;
  return {
    configure: `^${subscriptions}$`,
    write: `^(${exchange}|${subscriptions})$`,
    read: `^(${exchange}|${subscriptions})$`,
    topics: [{ exchange: telemetry, write: exactly(publishes), read: exactly(subscribes) }],
  };
}

function exactly(keys: readonly string[]): string {
  return keys.length === 0 ? '^$' : `^(${keys.map(escaped).join('|')})$`;
}

function escaped(name: string): string {
  return name.replaceAll('.', '\\.');
}
