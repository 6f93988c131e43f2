import type { Broker } from '../broker.js';
import { sizesOf, type Names, type SetSize, type Topology, type WorkerQueues } from './topology.js';

/** The topology without variants: of each choice it contains the variant that the broker has, otherwise the preferred one. While
 *  the broker has two, it contains neither: the command that changes the number of partitions declares them. */
export async function withVariants(
  topology: Topology,
  { hasExchange }: Pick<Broker, 'hasExchange'>,
): Promise<Topology> {
  const { choices = [], ...resolved } = topology;
  let { exchanges, queues, bindings } = resolved;
  for (const variants of choices) {
    const present = await withExchange(variants, ({ exchange }) => exchange, hasExchange);
    const [chosen, other] = present.length === 0 ? variants : present;
    if (chosen === undefined || (present.length > 0 && other !== undefined)) continue;
    exchanges = [...exchanges, ...chosen.exchanges];
    queues = [...queues, ...chosen.queues];
    bindings = [...bindings, ...chosen.bindings, chosen.entry];
  }
  return { ...resolved, exchanges, queues, bindings };
}

/** Those whose exchange the broker has. */
async function withExchange<T>(
  items: readonly T[],
  exchangeOf: (item: T) => string,
  hasExchange: Broker['hasExchange'],
): Promise<T[]> {
  const has = await Promise.all(items.map((item) => hasExchange(exchangeOf(item))));
  return items.filter((_, index) => has[index]);
}

/** The sizes of the sets of partitions that a worker has in the broker: one, or two while their number changes. */
export function setsInBroker(
  { hasExchange }: Pick<Broker, 'hasExchange'>,
  worker: string,
  sizes: readonly SetSize[],
  names: Names,
): Promise<SetSize[]> {
  return withExchange(sizes, (size) => names.partitions(worker, size), hasExchange);
}

/** The queues of a set. */
export function partitionQueues(worker: string, size: SetSize, names: Names): string[] {
  return Array.from({ length: size }, (_, index) => names.partition(worker, size, index));
}

/** The queues from which a worker consumes messages, in this broker: its own, then its partitions. */
export async function consumedQueues(
  broker: Pick<Broker, 'hasExchange'>,
  { name, ordered }: Pick<WorkerQueues, 'name' | 'ordered'>,
  names: Names,
): Promise<[string, ...string[]]> {
  if (ordered === undefined) return [names.queue(name)];
  const sets = await setsInBroker(broker, name, sizesOf(ordered.partitions), names);
  return [names.queue(name), ...sets.flatMap((size) => partitionQueues(name, size, names))];
}
