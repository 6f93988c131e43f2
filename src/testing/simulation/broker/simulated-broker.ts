import type { Broker, Publisher } from '../../../broker/broker.js';
import { FlotillaError } from '../../../errors.js';
import type { CrashableProcess } from '../run-state.js';
import type { Network } from './network.js';

/** What differs between the brokers of a worker and of a command. */
export interface SimulatedBrokerParts extends Pick<
  Broker,
  'consume' | 'applyTopology' | 'removeTopology' | 'queueDepth'
> {
  publish: Publisher['publish'];
}

/** The broker of one process: always connected, until the process crashes. */
export function simulatedBroker(
  process: CrashableProcess,
  { queues }: Network,
  { publish, ...parts }: SimulatedBrokerParts,
): Broker {
  const publisher: Publisher = {
    state: 'ready',
    ready: () => process.guard(async () => undefined),
    publish: (message) => process.guard(() => publish(message)),
    reset: () => undefined,
    close: async () => undefined,
  };
  return {
    ...parts,
    state: 'ready',
    onState: () => () => undefined,
    ready: async () => undefined,
    createPublisher: () => publisher,
    readStream() {
      throw new FlotillaError('config.invalid', 'a simulation has no streams');
    },
    planTopology: async () => [],
    hasExchange: (name) => process.guard(async () => queues.hasExchange(name)),
    findRefusing: async () => [],
    close: async () => undefined,
  };
}
