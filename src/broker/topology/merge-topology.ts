import { bindingKey } from './binding-name.js';
import type { BindingSpec, Topology, TopologyParts, Variant } from './topology.js';

/** Merges two topologies. If both contain the same exchange or queue, `later` wins, including the bindings of the
 *  queue. */
export function mergeTopology(earlier: Topology, later: Topology): Topology {
  const queues = new Set(later.queues.map(({ name }) => name));
  const kept = earlier.bindings.filter(({ kind, destination }) => kind === 'exchange' || !queues.has(destination));
  return {
    exchanges: byName([...earlier.exchanges, ...later.exchanges]),
    queues: byName([...earlier.queues, ...later.queues]),
    bindings: [...new Map([...kept, ...later.bindings].map((binding) => [bindingKey(binding), binding])).values()],
    retired: byName([...(earlier.retired ?? []), ...(later.retired ?? [])]),
    choices: mergeChoices(earlier.choices ?? [], later.choices ?? []),
  };
}

function mergeChoices(earlier: readonly Variant[][], later: readonly Variant[][]): Variant[][] {
  const firstOf = (variants: readonly Variant[]) => variants[0]?.entry.source;
  return [...new Map([...earlier, ...later].map((variants) => [firstOf(variants), variants])).values()];
}

/** Returns the topology without these parts. */
export function withoutParts(topology: Topology, { exchanges, queues, bindings }: TopologyParts): Topology {
  const left = <T extends { name: string }>(specs: readonly T[], removed: readonly { name: string }[]) =>
    specs.filter(({ name }) => removed.every((each) => each.name !== name));
  const gone = new Set(bindings.map(bindingKey));
  const names = new Set([...exchanges, ...queues].map(({ name }) => name));
  return {
    ...topology,
    exchanges: left(topology.exchanges, exchanges),
    queues: left(topology.queues, queues),
    bindings: topology.bindings.filter(
      (binding) => !gone.has(bindingKey(binding)) && !names.has(binding.source) && !names.has(binding.destination),
    ),
  };
}

/** Returns the bindings from or to these exchanges and queues. */
export function touching(
  { exchanges, queues }: Pick<Topology, 'exchanges' | 'queues'>,
  bindings: readonly BindingSpec[],
): BindingSpec[] {
  const names = {
    exchange: new Set(exchanges.map(({ name }) => name)),
    queue: new Set(queues.map(({ name }) => name)),
  };
  return bindings.filter(({ source, kind, destination }) => names.exchange.has(source) || names[kind].has(destination));
}

function byName<T extends { name: string }>(specs: readonly T[]): T[] {
  return [...new Map(specs.map((spec) => [spec.name, spec])).values()];
}
