import { FlotillaError } from '../../../errors.js';
import { requireKnown } from '../../../text/known-names.js';
import type { Store } from '../../../store/store.js';
import type { Context } from '../../shared/context.js';
import { describeUnread } from '../../../runtime/stores/existing-stores.js';
import { UsageError } from '../../shared/failure.js';
import { withSession } from '../../shared/session.js';
import { servicesOf } from '../../../runtime/stores/services.js';
import { workerDefinitionOf } from '../../../worker/definition/worker-definition.js';

/** The options that select a store. */
export interface StoreFlags {
  store?: string;
  json?: boolean;
}

/** Runs `work` with the named store, or that of the API, and closes it afterwards. Throws `name.unknown` if the fleet
 *  does not have it, and `store.missing` if it is not on this machine. */
export async function withStore<T>(
  context: Context,
  { store: named }: StoreFlags,
  work: (store: Store) => Promise<T>,
): Promise<T> {
  const fleet = await context.fleet();
  const name = named ?? fleet.api?.store;
  if (name === undefined) throw new UsageError('--store <service> is required');
  const journals = fleet.workers.map((worker) => workerDefinitionOf(worker).store);
  const services = [...new Set([...servicesOf(fleet), ...journals])];
  requireKnown('service', name, services);
  return withSession(context, async (session) => {
    const store = await session.stores.find(name);
    if (store === undefined) throw new FlotillaError('store.missing', describeUnread(context, [name]));
    return work(store);
  });
}

/** Runs `work` with a stream of such a store. Throws `name.unknown` if the store does not contain the stream. */
export function withStream<T>(
  context: Context,
  stream: string,
  flags: StoreFlags,
  work: (store: Store) => Promise<T>,
): Promise<T> {
  return withStore(context, flags, async (store) => {
    if ((await store.read(stream, 0, 1)).length === 0) {
      throw new FlotillaError(
        'name.unknown',
        `there is no stream ${JSON.stringify(stream)} in the store ${store.service}`,
      );
    }
    return work(store);
  });
}
