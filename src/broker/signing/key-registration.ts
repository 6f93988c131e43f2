import { FlotillaError, hasCode } from '../../errors.js';
import type { Broker } from '../broker.js';
import type { Names, Topology } from '../topology/topology.js';
import type { FleetKeys } from './fleet-keys.js';

/** The record of the fleet's signing key in the broker, made like a store's claim: a durable exchange whose
 *  `alternate-exchange` names the key's id. The broker refuses to declare it with another value, so a process with
 *  another key cannot start. */
function registrationOf(names: Names, keyId: string): Topology {
  const fields = { 'alternate-exchange': `${names.fleetKey}.${keyId}` };
  return { exchanges: [{ name: names.fleetKey, type: 'fanout', arguments: fields }], queues: [], bindings: [] };
}

/** Records the signing key. `replace` removes the record of another accepted key, after which the current one is
 *  recorded. Rejects with `fleet.key_mismatch` if the record names a key that is not accepted. */
export async function registerKey(
  apply: (topology: Topology) => Promise<void>,
  names: Names,
  keys: FleetKeys,
  replace: () => Promise<void>,
): Promise<void> {
  const claim = registrationOf(names, keys.current.id);
  try {
    await apply(claim);
  } catch (error) {
    if (!hasCode(error, 'broker.topology_conflict')) throw error;
    const holder = holderIn(error.message, names, keys.current.id);
    if (holder === undefined || keys.find(holder) === undefined) throw mismatch(holder ?? 'unknown', keys);
    await replace();
    await apply(claim);
  }
}

/** Rejects with `fleet.key_mismatch` if the fleet on this broker signs with a key that is not among these. Changes
 *  nothing. */
export async function requireKey(
  broker: Pick<Broker, 'planTopology'>,
  names: Names,
  keys: FleetKeys | undefined,
): Promise<void> {
  const other = await otherKey(broker, names, keys);
  if (other !== undefined) throw mismatch(other, keys);
}

/** Resolves with the id of the key with which the fleet on this broker signs, if it is not among these; `unknown` if the
 *  record cannot be read. Changes nothing. */
export async function otherKey(
  broker: Pick<Broker, 'planTopology'>,
  names: Names,
  keys: FleetKeys | undefined,
): Promise<string | undefined> {
  const own = keys?.current.id ?? NO_KEY;
  const [found] = await broker.planTopology(registrationOf(names, own)).catch((error: unknown) => {
    if (hasCode(error, 'broker.not_permitted')) return []; // this user may not query it
    throw error;
  });
  if (found?.problem !== 'conflict') return undefined;
  const holder = holderIn(found.detail, names, own) ?? 'unknown';
  return keys?.find(holder) === undefined ? holder : undefined;
}

const NO_KEY = 'none';

function holderIn(text: string, { fleetKey }: Names, own: string): string | undefined {
  const ids = text.split(/[^0-9a-z._-]+/i).filter((word) => word.startsWith(`${fleetKey}.`));
  return ids.map((word) => word.slice(fleetKey.length + 1, fleetKey.length + 9)).find((id) => id !== own.slice(0, 8));
}

function mismatch(holder: string, keys: FleetKeys | undefined): FlotillaError {
  const own = keys === undefined ? 'this one has none' : `this one signs with ${keys.current.id}`;
  return new FlotillaError('fleet.key_mismatch', `the fleet signs with key ${holder}, ${own}`);
}
