import { withSigning } from '../../runtime/broker/signing.js';
import { createRabbitBroker } from '../../broker/rabbitmq/broker.js';
import { namesFor, topologyOf } from '../../broker/topology/topology.js';
import { migrateDeadLetters } from '../../dead-letters/storage/migrations.js';
import { OPS_STORE } from '../../fleet/reserved-names.js';
import { FlotillaError, messageOf } from '../../errors.js';
import { publishAll } from '../../replay/sending/publish-history.js';
import { unhandledMessages, type WorkerWithInbox } from '../../replay/unhandled-messages.js';
import type { Store } from '../../store/store.js';
import type { BrokerRecovery } from '../../supervisor/broker/set-broker-aside.js';
import { hasQueue, queuesOfAll } from '../../worker/definition/queues.js';
import { confirm } from './confirm.js';
import type { Context } from './context.js';
import { enabledWorkers } from '../../runtime/fleet/enabled-workers.js';
import { withExistingStores } from '../../runtime/stores/existing-stores.js';
import { formatDuration } from '../../duration.js';
import { inboxAge } from '../../runtime/stores/log-age.js';
import { servicesOf } from '../../runtime/stores/services.js';

/** How the queues of this fleet are filled again from its stores. */
export function brokerRecovery(context: Context, allowed: boolean): BrokerRecovery {
  return {
    allowed,
    ...(context.interactive && { ask: (question: string) => confirm(question, context) }),
    prove: () => prove(context),
    refill: (broker) => refill(context, broker),
  };
}

interface Stores {
  sources: Store[];
  workers: WorkerWithInbox[];
  ops: Store;
}

/** Opens every store of the fleet. Throws `broker.not_recoverable`, naming those that are missing or cannot be read. */
async function withAllStores<T>(context: Context, work: (stores: Stores) => Promise<T>): Promise<T> {
  const fleet = await context.fleet();
  const consuming = enabledWorkers(fleet, context.config).filter(hasQueue);
  const prepare = async (store: Store) => (store.service === OPS_STORE ? migrateDeadLetters(store) : undefined);
  return withExistingStores(context, prepare, async ({ find }) => {
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
async function prove(context: Context): Promise<string[]> {
  const memory = inboxAge(context.config.log.maxAge);
  const counts = await withAllStores(context, async (stores) => {
    const found = new Map<string, number>();
    for await (const messages of unhandledMessages(optionsOf(context, stores))) {
      for (const { worker } of messages) found.set(worker, (found.get(worker) ?? 0) + 1);
    }
    return found;
  });
  const fleet = await context.fleet();
  const enabled = enabledWorkers(fleet, context.config);
  const disabled = fleet.workers.filter(({ name }) => enabled.every((worker) => worker.name !== name));
  const listed = [...counts].map(([worker, count]) => `${worker} ${count}`).join(', ');
  return [
    'Every store of the fleet is here and can be read.',
    listed === '' ? 'The workers have handled everything.' : `Not handled, to be sent again: ${listed}.`,
    ...(disabled.length === 0
      ? []
      : [`Not enabled (WORKERS), so nothing is sent to them: ${disabled.map(({ name }) => name).join(', ')}.`]),
    `Not in the stores, and kept in the old folder only: messages of programs that publish without a store, and what a ` +
      `worker has not handled for ${formatDuration(memory)} (STREAM_MAX_AGE and a day), as long as inboxes remember.`,
  ];
}

async function refill(context: Context, broker: { amqpUrl: string; managementUrl: string }): Promise<void> {
  const { config, signal, say } = context;
  const { prefix, log, unroutedMax } = config;
  const workers = enabledWorkers(await context.fleet(), config);
  const rabbit = createRabbitBroker({
    url: broker.amqpUrl,
    managementUrl: broker.managementUrl,
    connectionName: `${prefix}refill`,
    sendUserId: context.config.userId !== 'off',
    logger: context.logger({ process: 'refill' }),
  });
  const connection = withSigning(rabbit, context.fleetKeys, { config, logger: context.logger() });
  try {
    await connection.applyTopology(topologyOf(queuesOfAll(workers), { prefix, log, unroutedMax }), signal);
    const publisher = connection.createPublisher();
    let sent = 0;
    await withAllStores(context, async (stores) => {
      for await (const messages of unhandledMessages(optionsOf(context, stores))) {
        await publishAll(
          publisher,
          messages.map(({ message }) => message),
          signal,
        );
        sent += messages.length;
      }
    });
    say(`Sent ${sent} messages again that no worker had handled.`);
  } finally {
    await connection.close();
  }
}

function optionsOf({ config, signal }: Context, stores: Stores) {
  return { ...stores, names: namesFor(config.prefix), since: Date.now() - inboxAge(config.log.maxAge), signal };
}
