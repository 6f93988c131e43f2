import type { Broker } from '../../../broker/broker.js';
import { FlotillaError } from '../../../errors.js';
import { SimulatedConsumer } from './consumer.js';
import type { Network } from './network.js';
import type { QueuedMessage } from './queue.js';
import { simulatedBroker } from './simulated-broker.js';
import type { CrashableProcess, RunState } from '../run-state.js';

/** The broker of a worker. */
export function processBroker(
  process: CrashableProcess,
  network: Network,
  state: RunState,
  {
    dispatch,
    onConsume,
  }: {
    dispatch: (message: QueuedMessage, deliver: () => void) => void;
    onConsume: (consumer: SimulatedConsumer) => void;
  },
): Broker {
  return simulatedBroker(process, network, {
    async publish(message) {
      const original = state.handling.getStore()?.message;
      if (original === undefined) throw new FlotillaError('broker.returned', 'no message is being handled');
      const number = ++state.counts.copies;
      network.publishCopy(message, original);
      if (state.faults.isCrashAtCopy(number)) process.crash(`after copy ${number}, of ${original.title}`);
    },
    consume(queue, options) {
      const consumer = new SimulatedConsumer(queue, network.queues.forConsumer(queue), options, dispatch);
      onConsume(consumer);
      return consumer;
    },
    applyTopology: async () => [],
    removeTopology: async () => undefined,
    queueDepth: async () => undefined,
  });
}
