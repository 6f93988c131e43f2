import type { Fields } from '../../../broker/messages/amqp-fields.js';
import { PARTITION_COUNTS, partitionHeader } from '../../../broker/messages/slot-headers.js';
import { partitionSet, namesFor, type SetSize, type TopologyParts } from '../../../broker/topology/topology.js';
import type { StartTimer } from '../../../concurrency/clock.js';
import { FlotillaError } from '../../../errors.js';
import { isOrdered } from '../../../worker/definition/queues.js';
import type { WorkerDefinition } from '../../../worker/definition/worker-definition.js';
import { SimulatedQueue } from './queue.js';

export const names = namesFor('');

const SIZES: readonly SetSize[] = [1, ...PARTITION_COUNTS];

/** The queues of the workers, and the partitions of those that handle events in order. */
export class SimulatedQueues {
  readonly #queues = new Map<string, SimulatedQueue>();
  readonly #exchanges = new Set<string>();
  /** The sets of partitions that receive new messages, by their exchanges. */
  readonly #entries = new Set<string>();

  constructor(
    definitions: readonly WorkerDefinition[],
    private readonly after: StartTimer,
  ) {
    for (const { name, ordering } of definitions) {
      this.#queues.set(names.queue(name), new SimulatedQueue(after));
      if (ordering === undefined) continue;
      const { exchanges, queues, entry } = partitionSet(name, ordering.partitions, names);
      this.declare({ exchanges, queues, bindings: [entry] });
    }
  }

  /** Declares partitions, and lets new messages into those whose entry is bound. */
  declare({ exchanges, queues, bindings }: TopologyParts): void {
    for (const { name } of exchanges) this.#exchanges.add(name);
    for (const { name } of queues)
      if (!this.#queues.has(name)) this.#queues.set(name, new SimulatedQueue(this.after, true));
    for (const { destination } of bindings) this.#entries.add(destination);
  }

  remove({ exchanges, queues, bindings }: TopologyParts): void {
    for (const { destination } of bindings) this.#entries.delete(destination);
    for (const { name } of queues) this.#queues.delete(name);
    for (const { name } of exchanges) this.#exchanges.delete(name);
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

  /** A partition that was deleted before its process knows of it delivers nothing. */
  forConsumer(name: string): SimulatedQueue {
    return this.#queues.get(name) ?? new SimulatedQueue(this.after, true);
  }

  find(name: string): SimulatedQueue | undefined {
    return this.#queues.get(name);
  }

  /** The queues to which an event of this type is routed now: several while the number of partitions changes. */
  routesOf(definition: WorkerDefinition, type: string, headers: Fields): string[] {
    const { name } = definition;
    if (!isOrdered(definition, type)) return [names.queue(name)];
    const sizes = SIZES.filter((size) => this.#entries.has(names.partitions(name, size)));
    return sizes.map((size) => names.partition(name, size, partitionOf(size, headers)));
  }
}

function partitionOf(size: SetSize, headers: Fields): number {
  return size === 1 ? 0 : Number(headers[partitionHeader(size)]);
}

/** Events with the same path arrive in the order in which their service has sent them; undefined: they may overtake each other.
 *  Consecutive numbers are meant for events that do. */
export function pathOf(definition: WorkerDefinition, type: string, headers: Fields): string | undefined {
  const { name, ordering } = definition;
  if (ordering === undefined || ordering.by === 'sequence' || !isOrdered(definition, type)) return undefined;
  return `${name} ${partitionOf(ordering.partitions === 1 ? 1 : 32, headers)}`;
}
