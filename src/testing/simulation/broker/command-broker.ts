import type { Broker, Publisher } from '../../../broker/broker.js';
import { FlotillaError } from '../../../errors.js';
import type { CrashableProcess } from '../run-state.js';
import { SimulatedConsumer } from './consumer.js';
import type { Network } from './network.js';

/** The broker of a command, which may declare, delete and publish to queues. */
export function commandBroker(process: CrashableProcess, { queues }: Network): Broker {
  const publisher: Publisher = {
    state: 'ready',
    ready: () => process.guard(async () => undefined),
    publish: ({ exchange, routingKey, body, properties }) =>
      process.guard(async () => {
        const identity = { number: 0, title: 'a message of a command', name: 'command' };
        const { headers = {} } = properties;
        const message = { ...identity, exchange, routingKey, body, properties: { ...properties, headers } };
        queues.get(routingKey).push({ ...message, returns: 0, position: 0 });
      }),
    reset: () => undefined,
    close: async () => undefined,
  };
  return {
    state: 'ready',
    onState: () => () => undefined,
    ready: async () => undefined,
    createPublisher: () => publisher,
    consume: (queue, options) => new SimulatedConsumer(queue, queues.get(queue), options, (_, deliver) => deliver()),
    readStream() {
      throw new FlotillaError('config.invalid', 'a simulation has no streams');
    },
    applyTopology: (topology) =>
      process.guard(async () => {
        queues.declare(topology);
        return [];
      }),
    planTopology: async () => [],
    removeTopology: (parts) => process.guard(async () => queues.remove(parts)),
    hasExchange: (name) => process.guard(async () => queues.hasExchange(name)),
    queueDepth: (name) => process.guard(async () => queues.find(name)?.depth),
    findRefusing: async () => [],
    close: async () => undefined,
  };
}
