import type { Broker } from '../../../broker/broker.js';
import type { CrashableProcess } from '../run-state.js';
import { SimulatedConsumer } from './consumer.js';
import type { Network } from './network.js';
import { simulatedBroker } from './simulated-broker.js';

/** The broker of a command, which may declare, delete and publish to queues. */
export function commandBroker(process: CrashableProcess, network: Network): Broker {
  const { queues } = network;
  return simulatedBroker(process, network, {
    async publish({ exchange, routingKey, body, properties }) {
      const identity = { number: 0, title: 'a message of a command', name: 'command' };
      const { headers = {} } = properties;
      const message = { ...identity, exchange, routingKey, body, properties: { ...properties, headers } };
      queues.get(routingKey).push({ ...message, returns: 0, position: 0 });
    },
    consume: (queue, options) => new SimulatedConsumer(queue, queues.get(queue), options, (_, deliver) => deliver()),
    applyTopology: (topology) =>
      process.guard(async () => {
        queues.declare(topology);
        return [];
      }),
    removeTopology: (parts) => process.guard(async () => queues.remove(parts)),
    queueDepth: (name) => process.guard(async () => queues.find(name)?.depth),
  });
}
