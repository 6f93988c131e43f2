import type { Fields } from '../../../broker/messages/amqp-fields.js';
import { partitionHeader } from '../../../broker/messages/slot-headers.js';
import { partitionQueues } from '../../../broker/topology/partition-sets.js';
import { namesFor, type SetSize } from '../../../broker/topology/topology.js';
import type { StartTimer } from '../../../concurrency/clock.js';
import { FlotillaError } from '../../../errors.js';
import { isOrdered } from '../../../worker/definition/queues.js';
import type { WorkerDefinition } from '../../../worker/definition/worker-definition.js';
import { SimulatedQueue } from './queue.js';

export const names = namesFor('');

/** The queues of the workers, and the partitions of those that handle events in order. */
export class SimulatedQueues {
  readonly #queues = new Map<string, SimulatedQueue>();
  readonly #exchanges = new Set<string>();

  constructor(definitions: readonly WorkerDefinition[], after: StartTimer) {
    for (const { name, ordering } of definitions) {
      this.#queues.set(names.queue(name), new SimulatedQueue(after));
      if (ordering === undefined) continue;
      this.#exchanges.add(names.partitions(name, ordering.partitions));
      for (const queue of partitionQueues(name, ordering.partitions, names))
        this.#queues.set(queue, new SimulatedQueue(after, true));
    }
  }

  hasExchange(name: string): boolean {
    return this.#exchanges.has(name);
  }

  /** Throws for a queue that is not part of the simulation. */
  get(name: string): SimulatedQueue {
    const queue = this.#queues.get(name);
    if (queue === undefined) throw new FlotillaError('config.invalid', `the simulation has no queue ${name}`);
    return queue;
  }
}

/** The queue to which an event of this type is routed. */
export function queueFor(definition: WorkerDefinition, type: string, headers: Fields): string {
  const { name, ordering } = definition;
  if (ordering === undefined || !isOrdered(definition, type)) return names.queue(name);
  return names.partition(name, ordering.partitions, partitionOf(ordering.partitions, headers));
}

function partitionOf(size: SetSize, headers: Fields): number {
  return size === 1 ? 0 : Number(headers[partitionHeader(size)]);
}

/** Whether the events of one service arrive in their order. Consecutive numbers are meant for events that do not. */
export function keepsOrder(definition: WorkerDefinition, type: string): boolean {
  return isOrdered(definition, type) && definition.ordering?.by !== 'sequence';
}
