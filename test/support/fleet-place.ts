import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Broker } from '../../src/broker/broker.js';
import { createRabbitBroker } from '../../src/broker/rabbitmq/broker.js';
import { namesFor } from '../../src/broker/topology/topology.js';
import { openSqliteStore } from '../../src/store/sqlite/index.js';
import type { Store } from '../../src/store/store.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { cleanUp, testBroker } from './rabbitmq.js';

/** Where the commands of a test's fleet work: a folder for its stores, and a prefix on the shared broker. */
export async function openFleetPlace() {
  const { amqpUrl, managementUrl, prefix } = await testBroker();
  const folder = await mkdtemp(join(tmpdir(), 'flotilla-cli-'));
  const brokers: Broker[] = [];
  const env: NodeJS.ProcessEnv = {
    AMQP_URL: amqpUrl,
    AMQP_MANAGEMENT_URL: managementUrl,
    FLOTILLA_PREFIX: prefix,
    DATA_DIR: folder,
  };
  const openStore = (service: string): Promise<Store> =>
    openSqliteStore({ service, path: join(folder, `${service}.db`) });
  return {
    folder,
    prefix,
    amqpUrl,
    managementUrl,
    names: namesFor(prefix),
    /** The environment of the commands. */
    env,
    /** Opens the store of a service, which the test closes. */
    openStore,
    /** Creates empty stores, as the processes of these services do. */
    async createStores(...services: string[]): Promise<void> {
      for (const service of services) await (await openStore(service)).close();
    },
    /** A connected broker, which `remove` closes. */
    async connect(): Promise<Broker> {
      const broker = createRabbitBroker({ url: amqpUrl, connectionName: 'test', logger: silentLogger() });
      brokers.push(broker);
      await broker.ready();
      return broker;
    },
    /** Deletes the queues, the exchanges and the folder. */
    async remove(): Promise<void> {
      for (const broker of brokers) await broker.close();
      await cleanUp(prefix);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export type FleetPlace = Awaited<ReturnType<typeof openFleetPlace>>;
