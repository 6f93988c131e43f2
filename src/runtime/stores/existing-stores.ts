import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { databaseUrlFor } from '../../config/load-config.js';
import type { Sql, Store } from '../../store/store.js';
import { openStore } from '../../store/open.js';
import { queryStore, type MigrationsByOwner } from '../../store/sqlite/read/query-store.js';
import { StoreRegistry } from '../../store/store-registry.js';
import { dataDirOf, storePathOf, storeUrlOf, type Place } from '../place.js';

/** The stores of a fleet, as far as they are on this machine. */
export interface ExistingStores {
  /** Opens the store of a service; undefined, and noted in `unread`, where it is not on this machine. Creates none. */
  find: (service: string) => Promise<Store | undefined>;
  /** Resolves with what `read` finds in the store of a service that has these migrations; undefined, and noted in `unread`,
   *  where it is not on this machine. Faster than `find`, and for results that are only displayed: what `read` sees may not
   *  be durable yet. `read` may run twice. */
  query: <T>(
    service: string,
    migrations: MigrationsByOwner,
    read: (query: Sql) => Promise<T>,
  ) => Promise<T | undefined>;
  /** The services whose stores were requested and are not on this machine. */
  readonly unread: readonly string[];
  close: () => Promise<void>;
}

/** Whether the store of a service exists, as far as that can be seen from here. */
export function hasStore(place: Place, service: string): boolean {
  return !databaseUrlFor(place.config, service).startsWith('sqlite:') || existsSync(storePathOf(place, service));
}

/** Names services whose stores were not read, with the reason: `order-saga (data/order-saga.db does not exist here)`. */
export function describeUnread({ config }: Pick<Place, 'config'>, unread: readonly string[]): string {
  const files = unread.map((service) => databaseUrlFor(config, service).replace(/^sqlite:/, ''));
  return `${unread.join(', ')} (${files.join(', ')} ${files.length === 1 ? 'does' : 'do'} not exist here)`;
}

/** Where it is recorded which store each service has. */
export function storeRegistry(place: Place): StoreRegistry {
  return new StoreRegistry(join(dataDirOf(place), 'stores'));
}

/** Opens the store of a service for a command: never creates one, and refuses one that is not the store of the service. */
export function openExistingStore(context: Place, service: string): Promise<Store> {
  return openStore(storeUrlOf(context, service), service, {
    registry: storeRegistry(context),
    create: false,
  });
}

/** The stores of this fleet, each prepared when it is first opened; to be closed afterwards. */
export function existingStores(
  context: Place,
  prepare: (store: Store) => Promise<void> = () => Promise.resolve(),
): ExistingStores {
  const opened = new Map<string, Promise<Store>>();
  const unread = new Set<string>();
  const open = async (service: string): Promise<Store> => {
    const store = await openExistingStore(context, service);
    try {
      await prepare(store);
      return store;
    } catch (error) {
      await store.close();
      throw error;
    }
  };
  const find = async (service: string): Promise<Store | undefined> => {
    const known = opened.get(service);
    if (known !== undefined) return known;
    if (!hasStore(context, service)) {
      unread.add(service);
      return undefined;
    }
    const opening = open(service);
    opened.set(service, opening);
    opening.catch(() => opened.delete(service)); // the next call tries again
    unread.delete(service);
    return opening;
  };
  return {
    find,
    async query(service, migrations, read) {
      if (hasStore(context, service)) {
        const expectedId = storeRegistry(context).find(service)?.id;
        const found = await queryStore(storePathOf(context, service), { expectedId, migrations }, read);
        if (found !== undefined) {
          unread.delete(service);
          return found.value;
        }
      }
      const store = await find(service);
      if (store === undefined) return undefined;
      for (const [owner, each] of Object.entries(migrations)) await store.migrate(owner, each);
      return read(store.query);
    },
    get unread() {
      return [...unread];
    },
    async close() {
      await Promise.allSettled([...opened.values()].map(async (store) => (await store).close()));
    },
  };
}

/** Runs `work` with the stores of this fleet, and closes them afterwards. */
export async function withExistingStores<T>(
  context: Place,
  prepare: (store: Store) => Promise<void>,
  work: (stores: ExistingStores) => Promise<T>,
): Promise<T> {
  const stores = existingStores(context, prepare);
  try {
    return await work(stores);
  } finally {
    await stores.close();
  }
}
