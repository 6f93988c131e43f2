import { compare, edgesOf, type Edge, type Flow, type Part } from './model.js';

/** Parts whose messages cause each other. */
export interface Cycle {
  /** The ids of the parts, sorted. */
  readonly parts: readonly string[];
  /** The types between them, sorted. */
  readonly types: readonly string[];
  /** The edges of a shortest cycle among them, in order. */
  readonly path: readonly Edge[];
}

/** Returns the cycles that no part declares, and which no saga ends: those that remain without the declared edges. */
export function undeclaredCycles(flow: Flow): Cycle[] {
  const declared = new Map(flow.parts.map(({ id, cycles }) => [id, new Set(cycles.flatMap(({ types }) => types))]));
  return cyclesOf(edgesOf(flow).filter(({ to, type }) => declared.get(to)?.has(type) !== true));
}

/** Returns the types that a worker declares as parts of a cycle and that are in none. */
export function uselessCycles(flow: Flow): { part: Part; type: string }[] {
  const cyclic = new Set(cyclicEdges(edgesOf(flow)).flatMap((edges) => edges.map(({ to, type }) => `${to} ${type}`)));
  return flow.parts
    .filter(({ kind }) => kind !== 'saga')
    .flatMap((part) => part.cycles.flatMap(({ types }) => types.map((type) => ({ part, type }))))
    .filter(({ part, type }) => !cyclic.has(`${part.id} ${type}`));
}

/** Returns the strongly connected components that have an edge, sorted by their parts. */
export function cyclesOf(edges: readonly Edge[]): Cycle[] {
  return cyclicEdges(edges)
    .map((inner) => ({
      parts: [...new Set(inner.map(({ from }) => from))].sort(compare),
      types: [...new Set(inner.map(({ type }) => type))].sort(compare),
      path: shortestCycle(inner),
    }))
    .sort((a, b) => compare(a.parts.join(' '), b.parts.join(' ')));
}

/** The edges within each strongly connected component. */
function cyclicEdges(edges: readonly Edge[]): Edge[][] {
  const componentOf = new Map(componentsOf(edges).flatMap((nodes, index) => nodes.map((node) => [node, index])));
  const inner = new Map<number, Edge[]>();
  for (const edge of edges) {
    const component = componentOf.get(edge.from);
    if (component === undefined || component !== componentOf.get(edge.to)) continue;
    inner.set(component, [...(inner.get(component) ?? []), edge]);
  }
  return [...inner.values()];
}

/** Tarjan's algorithm, iterative: the components of a graph, in which each node reaches every other. */
function componentsOf(edges: readonly Edge[]): string[][] {
  const followers = new Map<string, string[]>();
  for (const { from, to } of edges) {
    followers.set(from, [...(followers.get(from) ?? []), to]);
    followers.set(to, followers.get(to) ?? []);
  }
  const indexes = new Map<string, number>();
  const lowest = new Map<string, number>();
  const open: string[] = [];
  const isOpen = new Set<string>();
  const components: string[][] = [];
  const enter = (node: string) => {
    indexes.set(node, indexes.size);
    lowest.set(node, indexes.size - 1);
    open.push(node);
    isOpen.add(node);
    return { node, rest: [...(followers.get(node) ?? [])] };
  };
  const lower = (node: string, value: number) => lowest.set(node, Math.min(lowest.get(node) ?? value, value));
  for (const start of followers.keys()) {
    if (indexes.has(start)) continue;
    const path = [enter(start)];
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const { node, rest } = top;
      const next = rest.pop();
      if (next !== undefined) {
        const index = indexes.get(next);
        if (index === undefined) path.push(enter(next));
        else if (isOpen.has(next)) lower(node, index);
        continue;
      }
      path.pop();
      const low = lowest.get(node) ?? 0;
      const parent = path.at(-1);
      if (parent !== undefined) lower(parent.node, low);
      if (low !== indexes.get(node)) continue;
      const component = open.splice(open.lastIndexOf(node));
      for (const each of component) isOpen.delete(each);
      components.push(component);
    }
  }
  return components;
}

/** Returns a shortest cycle among these edges: the first one by the order of the edges; empty without a cycle. */
function shortestCycle(edges: readonly Edge[]): Edge[] {
  let best: Edge[] = [];
  for (const first of edges) {
    const way = first.from === first.to ? [] : shortestWay(edges, first.to, first.from);
    if (way !== undefined && (best.length === 0 || way.length + 1 < best.length)) best = [first, ...way];
    if (best.length === 1) break;
  }
  return best;
}

/** Breadth first. Undefined if `to` is not reachable. */
function shortestWay(edges: readonly Edge[], from: string, to: string): Edge[] | undefined {
  const ways = new Map<string, Edge[]>([[from, []]]);
  for (const [node, way] of ways) {
    if (node === to) return way;
    for (const edge of edges) {
      if (edge.from === node && !ways.has(edge.to)) ways.set(edge.to, [...way, edge]);
    }
  }
  return undefined;
}
