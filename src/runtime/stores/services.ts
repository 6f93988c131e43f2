import { isJournal } from '../../journal/define-journal.js';
import type { ServiceStores } from '../../store/service-stores.js';
import { workerDefinitionOf } from '../../worker/definition/worker-definition.js';
import type { Fleet } from '../../fleet/define-fleet.js';
import { KAFKA_STORE, OPS_STORE } from '../../fleet/reserved-names.js';
import type { InboxKey, Store } from '../../store/store.js';
import { existingStores } from './existing-stores.js';
import type { Place } from '../place.js';

/** The services of a fleet by their stores; the journal has no events of its own. */
export function servicesOf({ workers, api, kafka }: Pick<Fleet, 'workers' | 'api' | 'kafka'>): string[] {
  const stores = workers
    .map(workerDefinitionOf)
    .filter((worker) => !isJournal(worker))
    .map(({ store }) => store);
  const fromKafka = (kafka?.sources ?? []).length > 0 ? [KAFKA_STORE] : [];
  return [...new Set([...(api === undefined ? [] : [api.store]), ...stores, ...fromKafka, OPS_STORE])];
}

/** The services' own stores, as far as they are on this machine; to be closed afterwards. */
export function openServices(place: Place, fleet: Fleet) {
  const stores = existingStores(place);
  const storeOf = async (service: string | undefined): Promise<Store | undefined> =>
    service === undefined ? undefined : stores.find(service);
  const history: ServiceStores = { services: servicesOf(fleet), open: stores.find };
  return {
    ...stores,
    /** The services whose stores were requested and are not on this machine. */
    get unread(): readonly string[] {
      return stores.unread;
    },
    /** The stores of all services, with what they remember. */
    history,
    /** Whether the worker's inbox has this; undefined where its store is elsewhere. */
    handled: async (key: InboxKey): Promise<boolean | undefined> => {
      const worker = fleet.workers.map(workerDefinitionOf).find(({ name }) => name === key.consumer);
      return (await storeOf(worker?.store))?.handled(key);
    },
    /** Whether what the command is about has come to its end, as far as can be known here. */
    isClosed: async (command: { type: string; subject: string }): Promise<boolean> => {
      if (fleet.isClosed === undefined) return false;
      const history = await (await storeOf(fleet.api?.store))?.read(command.subject);
      return history !== undefined && fleet.isClosed(command, history);
    },
  };
}
