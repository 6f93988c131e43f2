import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { databaseUrlFor } from '../../config/load.js';
import type { Store } from '../../store/contract.js';
import { openStore, sqlitePath } from '../../store/open.js';
import { StoreRegistry } from '../../store/store-registry.js';
import type { Context } from './context.js';
import { CommandFailed } from './failure.js';

type Place = Pick<Context, 'config' | 'cwd'>;

/** The stores of a fleet, as far as they are on this machine. */
export interface ExistingStores {
  /** Opens the store of a service; undefined, and noted in `unread`, where it is not on this machine. Creates none. */
  find: (service: string) => Promise<Store | undefined>;
  /** The services whose stores were asked for and are not on this machine. */
  readonly unread: readonly string[];
  close: () => Promise<void>;
}

/** Whether the store of a service exists, as far as that can be seen from here. */
export function hasStore({ config, cwd }: Place, service: string): boolean {
  const url = databaseUrlFor(config, service);
  return !url.startsWith('sqlite:') || existsSync(resolve(cwd, sqlitePath(url, service)));
}

/** Where it is recorded which store each service has. */
export function storeRegistry({ config, cwd }: Place): StoreRegistry {
  return new StoreRegistry(join(resolve(cwd, config.dataDir), 'stores'));
}

/** Opens the store of a service for a command: never creates one, and refuses one that is not the store of the service. */
export function openExistingStore(context: Place, service: string): Promise<Store> {
  return openStore(databaseUrlFor(context.config, service), service, {
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
  return {
    async find(service) {
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

/** Which services were not read, and why: `order-saga (data/order-saga.db does not exist here)`. */
export function describeUnread({ config }: Pick<Context, 'config'>, unread: readonly string[]): string {
  const files = unread.map((service) => databaseUrlFor(config, service).replace(/^sqlite:/, ''));
  return `${unread.join(', ')} (${files.join(', ')} ${files.length === 1 ? 'does' : 'do'} not exist here)`;
}

/** Prints, after a command has acted, which stores it could not ask before. */
export function reportUnchecked(context: Pick<Context, 'config' | 'say'>, unread: readonly string[]): void {
  if (unread.length === 0) return;
  context.say(`Not checked, what was handled or closed according to ${describeUnread(context, unread)}.`);
}

/** Fails a command that has printed a result without the services in `unread`. */
export function requireAllRead(context: Pick<Context, 'config' | 'say'>, unread: readonly string[]): void {
  if (unread.length === 0) return;
  context.say(`Not read: ${describeUnread(context, unread)}. Run this on the machine of the store.`);
  throw new CommandFailed('not everything was read');
}
