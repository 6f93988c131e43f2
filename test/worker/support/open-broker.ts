import type { Broker } from '../../../src/broker/broker.js';
import { createMemoryBroker } from '../../../src/broker/memory/broker.js';
import { createRabbitBroker } from '../../../src/broker/rabbitmq/broker.js';
import { cleanUp, testBroker } from '../../support/rabbitmq.js';
import { recordingLogger } from '../../support/recording-logger.js';

/** Opens a broker of a kind, `memory` or `rabbitmq`; `end` closes it and removes its queues. */
export async function openBroker(kind: string): Promise<{ prefix: string; broker: Broker; end: () => Promise<void> }> {
  if (kind === 'memory') {
    const broker = createMemoryBroker();
    return { prefix: '', broker, end: () => broker.close() };
  }
  const { amqpUrl, managementUrl, prefix } = await testBroker();
  const { logger } = recordingLogger('error');
  const broker = createRabbitBroker({ url: amqpUrl, managementUrl, connectionName: prefix, logger });
  const end = async () => {
    await broker.close();
    await cleanUp(prefix);
  };
  return { prefix, broker, end };
}
