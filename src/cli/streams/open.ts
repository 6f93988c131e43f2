import type { Store } from '../../store/contract.js';
import type { Context } from '../context.js';
import { UsageError } from '../failure.js';
import { openServices } from '../resources.js';

/** Which store a command means. */
export interface StoreFlags {
  store?: string;
  json?: boolean;
}

/** Runs `work` with the store that is named, or that of the API, and closes it afterwards. Throws `UsageError` for one that
 *  is not on this machine. */
export async function withStore<T>(
  context: Context,
  { store: named }: StoreFlags,
  work: (store: Store) => Promise<T>,
): Promise<T> {
  const fleet = await context.fleet();
  const name = named ?? fleet.api?.store;
  if (name === undefined) throw new UsageError('say which store: --store <service>');
  const services = openServices(context, fleet);
  try {
    const store = await services.store(name);
    if (store === undefined) throw new UsageError(`the store ${name} is not on this machine`);
    return await work(store);
  } finally {
    await services.close();
  }
}

/** The same for one of its streams. Throws `UsageError` for a stream that is not in it. */
export function withStream<T>(
  context: Context,
  stream: string,
  flags: StoreFlags,
  work: (store: Store) => Promise<T>,
): Promise<T> {
  return withStore(context, flags, async (store) => {
    if ((await store.read(stream, 0, 1)).length === 0) {
      throw new UsageError(`there is no stream ${stream} in ${store.service}`);
    }
    return work(store);
  });
}
