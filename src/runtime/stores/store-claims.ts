import type { Broker } from '../../broker/broker.js';
import {
  claimError,
  claimOf,
  heldClaims,
  holderIn,
  prefixTaken,
  type HeldClaim,
} from '../../broker/topology/store-claim.js';
import type { Names, Topology } from '../../broker/topology/topology.js';
import type { Management } from '../../broker/rabbitmq/management/management.js';
import { maskedUrl } from '../../config/secrets.js';
import { FlotillaError, hasCode } from '../../errors.js';
import { namesFor } from '../../broker/topology/topology.js';
import type { StoreRegistry } from '../../store/store-registry.js';
import type { Store } from '../../store/store.js';
import { readFleetKey } from '../../supervisor/data-directory/fleet-key-file.js';
import type { Logger } from '../../telemetry/logger.js';
import { ensureTopology } from '../broker/ensure-topology.js';
import { managementAt, notConfigured, openManagement, type BrokerAddress } from '../broker/broker-address.js';
import { dataDirOf, type Place } from '../place.js';
import { storeRegistry } from './existing-stores.js';

const CLAIMS_TIMEOUT_MS = 3000;

export interface ClaimOptions {
  logger: Logger;
  signal: AbortSignal;
  /** Removes the claim of a store that was given up for this one. @default no store was */
  replace?: { abandoned: readonly string[]; remove: () => Promise<void> };
}

/** Claims the names of the store's service in the broker. Waits for the broker; idempotent. Resolves with the claim.
 *  Rejects with `fleet.prefix_taken` where another store holds them that was not given up for this one. */
export async function claimStore(
  broker: Pick<Broker, 'applyTopology'>,
  names: Names,
  store: Pick<Store, 'service' | 'id'>,
  { replace, ...options }: ClaimOptions,
): Promise<Topology> {
  const claim = claimOf(store, names);
  try {
    await ensureTopology(broker, claim, options).catch(async (error: unknown) => {
      const holder = hasCode(error, 'broker.topology_conflict') ? holderIn(error, store) : undefined;
      if (replace === undefined || holder === undefined || !replace.abandoned.includes(holder)) throw error;
      options.logger.warn('Removed the claim of an abandoned store', { store: store.service, holder });
      await replace.remove();
      await ensureTopology(broker, claim, options);
    });
    return claim;
  } catch (error) {
    throw claimError(error, store, names);
  }
}

/** For commands that write to the broker on behalf of a store: rejects with `fleet.prefix_taken` where the broker says
 *  that another store is the fleet's. Claims nothing: a command in a wrong folder must not. */
export async function refuseForeignStore(place: Place, store: Pick<Store, 'service' | 'id'>): Promise<void> {
  const names = namesFor(place.config.prefix);
  const management = await openManagement(place);
  const claims = await claimsOf(management, names).catch((error: unknown) => {
    if (hasCode(error, 'broker.management')) return []; // cannot be checked
    throw error;
  });
  const claim = claims.find(({ service }) => service === store.service);
  if (claim !== undefined && claim.holder !== store.id) throw prefixTaken(store, names, claim.holder);
}

/** For commands that read from the default address: rejects with `broker.not_configured` where the fleets that use this
 *  prefix there do not include the fleet of this data directory. Does nothing where the management API does not respond. */
export async function refuseForeignBroker(place: Place, address: BrokerAddress): Promise<void> {
  const names = namesFor(place.config.prefix);
  const claims = await claimsOf(managementAt(address, CLAIMS_TIMEOUT_MS), names).catch((error: unknown) => {
    if (hasCode(error, 'broker.management')) return [];
    throw error;
  });
  const registry = storeRegistry(place);
  if (claims.length === 0 || claims.some((claim) => isOwnClaim(registry, claim))) return;
  throw new FlotillaError(
    'broker.not_configured',
    `${notConfigured(place)}; the broker at ${maskedUrl(address.amqpUrl)} belongs to another fleet`,
  );
}

/** Removes the claims of the stores that are recorded here, or were and are given up, and that of the key which is kept here. Resolves with the services whose
 *  claim was removed. */
export async function releaseClaims(place: Place): Promise<string[]> {
  const management = await openManagement(place);
  const names = namesFor(place.config.prefix);
  const registry = storeRegistry(place);
  const released: string[] = [];
  for (const claim of await claimsOf(management, names)) {
    if (!isOwnClaim(registry, claim)) continue;
    await management.deleteExchange(names.store(claim.service));
    released.push(claim.service);
  }
  if (readFleetKey(dataDirOf(place)) !== undefined) {
    await management.deleteExchange(names.fleetKey);
  }
  return released;
}

/** The claims on this broker under the prefix. Rejects with `broker.management`. */
export async function claimsOf(management: Pick<Management, 'exchanges'>, names: Names): Promise<HeldClaim[]> {
  return heldClaims(await management.exchanges(names.store('')), names);
}

/** Whether a store that is recorded here holds the claim, or one that was given up. */
function isOwnClaim(registry: StoreRegistry, { service, holder }: HeldClaim): boolean {
  return holder !== undefined && [registry.find(service)?.id, ...registry.abandoned(service)].includes(holder);
}
