import { randomUUID } from 'node:crypto';
import { createMemoryBroker } from '../../src/broker/memory/broker.js';
import { createRabbitBroker } from '../../src/broker/rabbitmq/broker.js';
import { createManagement } from '../../src/broker/rabbitmq/management/management.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { cleanUp, testBroker } from '../support/rabbitmq.js';
import { tcpProxy } from '../support/tcp-proxy.js';
import type { OpenBroker } from './broker.js';

/** Every implementation by name. */
export const brokers: Readonly<Record<string, () => Promise<OpenBroker>>> = {
  memory: async () => {
    const broker = createMemoryBroker();
    return {
      broker,
      prefix: `t-${randomUUID().slice(0, 8)}-`,
      async disconnect() {
        broker.fault.disconnect();
        return () => broker.fault.reconnect();
      },
      deleteQueue: async (name) => broker.fault.deleteQueue(name),
      close: () => broker.close(),
    };
  },
  rabbitmq: async () => {
    const { amqpUrl, managementUrl, prefix } = await testBroker();
    const proxy = await tcpProxy(amqpUrl);
    const broker = createRabbitBroker({
      url: proxy.through(amqpUrl),
      managementUrl,
      connectionName: 'contract',
      logger: silentLogger(),
    });
    return {
      broker,
      prefix,
      async disconnect() {
        proxy.shut();
        return () => proxy.open();
      },
      deleteQueue: (name) => createManagement({ url: managementUrl }).deleteQueue(name),
      async close() {
        await broker.close();
        await proxy.close();
        await cleanUp(prefix);
      },
    };
  },
};
