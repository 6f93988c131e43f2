import { namesFor } from '../../../src/broker/topology/topology.js';
import { createRelay, type RelayOptions } from '../../../src/outbox/relay.js';

/** Runs a relay; `stop` aborts it and waits for its end. */
export function runRelay(options: Omit<RelayOptions, 'names' | 'instance'> & Partial<Pick<RelayOptions, 'instance'>>) {
  const relay = createRelay({ names: namesFor(''), instance: 'a', ...options });
  const abort = new AbortController();
  const running = relay.run(abort.signal);
  const stop = () => {
    abort.abort();
    return running;
  };
  return { relay, running, stop };
}
