import { FlotillaError, hasCode } from '../../errors.js';
import type { ManagedExchange } from '../rabbitmq/management/management.js';
import type { Names, Topology } from './topology.js';

/** The properties of a store that a claim contains. */
export interface ClaimedStore {
  service: string;
  id: string;
}

/**
 * The claim of a store on the names of its service in the broker: a durable exchange without messages. The broker
 * compares the argument `alternate-exchange` whenever an exchange is declared and refuses another value, so only one of
 * two different stores can hold the claim, cluster-wide and in any order of declaration. The value also begins with the
 * prefix, so that a user with permissions by prefix may declare it.
 * Source: https://www.rabbitmq.com/docs/ae and /docs/access-control
 */
export function claimOf({ service, id }: ClaimedStore, names: Names): Topology {
  const fields = { 'alternate-exchange': names.store(id) };
  return { exchanges: [{ name: names.store(service), type: 'fanout', arguments: fields }], queues: [], bindings: [] };
}

/** Converts the error of applying a claim: `fleet.prefix_taken` if another store holds it. */
export function claimError(error: unknown, store: ClaimedStore, names: Names): unknown {
  if (!hasCode(error, 'broker.topology_conflict')) return error;
  return prefixTaken(store, names, holderIn(error, store), error);
}

/** Returns the id of the other store that a refused claim names, if any. */
export function holderIn({ message }: Error, { id }: ClaimedStore): string | undefined {
  const others = message.split(/[^0-9a-z-]+/i).filter((word) => UUID.test(word) && !word.endsWith(id));
  return others[0]?.slice(-UUID_LENGTH);
}

export function prefixTaken(
  { service, id }: ClaimedStore,
  names: Names,
  holder = 'unknown',
  cause?: unknown,
): FlotillaError {
  const detail = `${names.store(service)} is claimed by store ${holder}, the store ${service} here is ${id}`;
  return new FlotillaError('fleet.prefix_taken', detail, { cause });
}

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const UUID_LENGTH = 36;

/** A claim that exists in a broker. */
export interface HeldClaim {
  service: string;
  /** The id of the store that holds it; undefined if the exchange is not a claim. */
  holder: string | undefined;
}

/** Returns the claims among the exchanges whose names begin with `names.store('')`. */
export function heldClaims(exchanges: readonly ManagedExchange[], names: Names): HeldClaim[] {
  const before = names.store('');
  return exchanges
    .filter(({ name }) => name.startsWith(before))
    .map(({ name, arguments: fields }) => {
      const value = fields['alternate-exchange'];
      const holder = typeof value === 'string' && value.startsWith(before) ? value.slice(before.length) : undefined;
      return { service: name.slice(before.length), holder };
    });
}
