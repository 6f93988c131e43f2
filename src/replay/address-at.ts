import type { OutgoingMessage } from '../broker/broker.js';
import type { Names } from '../broker/topology/topology.js';
import { isOrdered } from '../worker/definition/queues.js';
import type { WorkerDefinition } from '../worker/definition/worker-definition.js';

/** Where to publish a message of a type that only this worker is to receive: its queue, or the partition of the subject. */
export function addressAt(
  worker: Pick<WorkerDefinition, 'name' | 'ordering'>,
  type: string,
  names: Names,
): Pick<OutgoingMessage, 'exchange' | 'routingKey'> {
  return isOrdered(worker, type)
    ? { exchange: names.ordered(worker.name), routingKey: type }
    : { exchange: '', routingKey: names.queue(worker.name) };
}
