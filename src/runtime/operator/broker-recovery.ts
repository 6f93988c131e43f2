import { namesFor, topologyOf } from '../../broker/topology/topology.js';
import { migrateDeadLetters } from '../../dead-letters/storage/migrations.js';
import { OPS_STORE } from '../../fleet/reserved-names.js';
import { FlotillaError, messageOf } from '../../errors.js';
import { publishAll } from '../../replay/sending/publish-history.js';
import { unhandledMessages, type WorkerWithInbox } from '../../replay/unhandled-messages.js';
import type { Store } from '../../store/store.js';
import type { BrokerRecovery } from '../../supervisor/broker/set-broker-aside.js';
import { hasQueue, queuesOfAll } from '../../worker/definition/queues.js';
import { formatDuration } from '../../duration.js';
import type { Fleet } from '../../fleet/define-fleet.js';
import { loadFleetKeys, openBroker } from '../broker/open-broker.js';
import { enabledWorkers } from '../fleet/enabled-workers.js';
import { withExistingStores } from '../stores/existing-stores.js';
import { inboxAge } from '../stores/log-age.js';
import { servicesOf } from '../stores/services.js';
import type { OperatorPlace } from './operator-broker.js';

/** Refills the queues of a fleet from its stores, after `choice` has permitted to set the data of its broker aside. */
export function brokerRecovery(
  fleet: Fleet,
  place: OperatorPlace,
  choice: Pick<BrokerRecovery, 'allowed' | 'ask'>,
): BrokerRecovery {
  return { ...choice, prove: () => prove(fleet, place), refill: (broker) => refill(fleet, place, broker) };
}

interface Stores {
  sources: Store[];
  workers: WorkerWithInbox[];
  ops: Store;
}

/** Opens every store of the fleet. Throws `broker.not_recoverable`, naming those that are missing or cannot be read. */
async function withAllStores<T>(fleet: Fleet, place: OperatorPlace, work: (stores: Stores) => Promise<T>): Promise<T> {
  const consuming = enabledWorkers(fleet, place.config).filter(hasQueue);
  const prepare = async (store: Store) => (store.service === OPS_STORE ? migrateDeadLetters(store) : undefined);
  return withExistingStores(place, prepare, async ({ find }) => {
    const stores = new Map<string, Store>();
    const problems: string[] = [];
    for (const service of servicesOf(fleet)) {
      const store = await find(service).catch(
        (error: unknown) => void problems.push(`${service}: ${messageOf(error)}`),
      );
      if (store !== undefined) stores.set(service, store);
      else if (!problems.some((problem) => problem.startsWith(`${service}:`))) problems.push(`${service}: not here`);
    }
    const ops = stores.get(OPS_STORE);
    if (problems.length > 0 || ops === undefined) {
      throw new FlotillaError('broker.not_recoverable', `stores: ${problems.join('; ')}`);
    }
    const workers = consuming.flatMap((definition) => {
      const store = stores.get(definition.store);
      return store === undefined ? [] : [{ definition, store }];
    });
    return work({ sources: [...stores.values()], workers, ops });
  });
}

/** Reads all that would be sent, which shows that the stores can be read. */
async function prove(fleet: Fleet, place: OperatorPlace): Promise<string[]> {
  const memory = inboxAge(place.config.log.maxAge);
  const counts = await withAllStores(fleet, place, async (stores) => {
    const found = new Map<string, number>();
    for await (const messages of unhandledMessages(optionsOf(place, stores))) {
      for (const { worker } of messages) found.set(worker, (found.get(worker) ?? 0) + 1);
    }
    return found;
  });
  const enabled = enabledWorkers(fleet, place.config);
  const disabled = fleet.workers.filter(({ name }) => enabled.every((worker) => worker.name !== name));
  const listed = [...counts].map(([worker, count]) => `${worker} ${count}`).join(', ');
  return [
    'Every store of the fleet is here and can be read.',
    listed === '' ? 'The workers have handled everything.' : `Not handled, to be sent again: ${listed}.`,
    ...(disabled.length === 0
      ? []
      : [`Not enabled (WORKERS, WITH), so nothing is sent to them: ${disabled.map(({ name }) => name).join(', ')}.`]),
    `Not in the stores, and kept in the old folder only: messages of programs that publish without a store, and what a ` +
      `worker has not handled for ${formatDuration(memory)} (STREAM_MAX_AGE and a day), as long as inboxes remember.`,
  ];
}

async function refill(
  fleet: Fleet,
  place: OperatorPlace,
  broker: { amqpUrl: string; managementUrl: string },
): Promise<void> {
  const { config, signal, logger, notify } = place;
  const { prefix, log, unroutedMax } = config;
  const workers = enabledWorkers(fleet, config);
  const keys = loadFleetKeys(place);
  const connection = openBroker(broker, { config, keys, connectionName: `${prefix}refill`, logger });
  try {
    await connection.applyTopology(topologyOf(queuesOfAll(workers), { prefix, log, unroutedMax }), signal);
    const publisher = connection.createPublisher();
    let sent = 0;
    await withAllStores(fleet, place, async (stores) => {
      for await (const messages of unhandledMessages(optionsOf(place, stores))) {
        await publishAll(
          publisher,
          messages.map(({ message }) => message),
          signal,
        );
        sent += messages.length;
      }
    });
    notify(`Sent ${sent} messages again that no worker had handled.`);
  } finally {
    await connection.close();
  }
}

function optionsOf({ config, signal }: OperatorPlace, stores: Stores) {
  return { ...stores, names: namesFor(config.prefix), since: Date.now() - inboxAge(config.log.maxAge), signal };
}
