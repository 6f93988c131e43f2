import { freePort } from '../../../src/supervisor/broker/rabbitmq-node/ports.js';

/** Free loopback ports that the system does not use for outgoing connections while their process is down. */
export async function freePorts(count: number): Promise<number[]> {
  const taken = new Set<number>();
  while (taken.size < count) taken.add(await freePort(undefined, taken));
  return [...taken];
}
