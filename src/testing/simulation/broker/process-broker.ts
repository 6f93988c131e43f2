import type { Broker, Publisher } from '../../../broker/broker.js';
import { FlotillaError } from '../../../errors.js';
import { SimulatedConsumer } from './consumer.js';
import type { Network } from './network.js';
import type { QueuedMessage } from './queue.js';
import type { CrashableProcess, RunState } from '../run-state.js';

/** The broker of one process: always connected, until the process crashes. */
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
  const publisher: Publisher = {
    state: 'ready',
    ready: () => process.guard(async () => undefined),
    publish: (message) =>
      process.guard(async () => {
        const original = state.handling.getStore()?.message;
        if (original === undefined) throw new FlotillaError('broker.returned', 'no message is being handled');
        const number = ++state.counts.copies;
        network.publishCopy(message, original);
        if (state.faults.isCrashAtCopy(number)) process.crash(`after copy ${number}, of ${original.title}`);
      }),
    reset: () => undefined,
    close: async () => undefined,
  };
  return {
    state: 'ready',
    onState: () => () => undefined,
    ready: async () => undefined,
    createPublisher: () => publisher,
    consume(queue, options) {
      const consumer = new SimulatedConsumer(queue, network.queues.forConsumer(queue), options, dispatch);
      onConsume(consumer);
      return consumer;
    },
    readStream() {
      throw new FlotillaError('config.invalid', 'a simulation has no streams');
    },
    applyTopology: async () => [],
    planTopology: async () => [],
    removeTopology: async () => undefined,
    hasExchange: (name) => process.guard(async () => network.queues.hasExchange(name)),
    queueDepth: async () => undefined,
    findRefusing: async () => [],
    close: async () => undefined,
  };
}
