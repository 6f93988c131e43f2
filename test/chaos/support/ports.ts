import { freePort } from '../../../src/supervisor/broker/rabbitmq-node/ports.js';

/** Ports of loopback that nobody listens on, and that the system hands to no outgoing connection while their process
 *  is down. */
export async function freePorts(count: number): Promise<number[]> {
  const taken = new Set<number>();
  while (taken.size < count) taken.add(await freePort(undefined, taken));
  return [...taken];
}
