import type { Broker } from '../broker/broker.js';
import type { Names } from '../broker/topology/topology.js';

/** The dead letters of a worker that are still in the broker. */
export interface WaitingDeadLetters {
  worker: string;
  ready: number;
}

/** Counts the dead letters that wait in the broker for a keeper, by worker; omits workers without any. Leaves the
 *  messages in the queues. */
export async function countWaiting(
  broker: Pick<Broker, 'queueDepth'>,
  names: Names,
  workers: readonly string[],
): Promise<WaitingDeadLetters[]> {
  const waiting: WaitingDeadLetters[] = [];
  for (const worker of workers) {
    const { ready = 0 } = (await broker.queueDepth(names.dead(worker))) ?? {};
    if (ready > 0) waiting.push({ worker, ready });
  }
  return waiting;
}
