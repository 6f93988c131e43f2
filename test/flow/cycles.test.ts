import { expect } from 'chai';
import fc from 'fast-check';
import { cyclesOf, undeclaredCycles } from '../../src/flow/cycles.js';
import { edgesOf, type Edge, type Part } from '../../src/flow/model.js';
import { seed } from '../support/seed.js';

const NODES = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
const edges = fc.array(
  fc.record({ from: fc.constantFrom(...NODES), type: fc.constantFrom('x', 'y', 'z'), to: fc.constantFrom(...NODES) }),
  { maxLength: 16 },
);

/** The nodes that each node reaches in at least one step, found by repeating until nothing changes. */
function reachable(all: readonly Edge[]): Map<string, Set<string>> {
  const reached = new Map(NODES.map((node) => [node, new Set<string>()]));
  for (let changed = true; changed;) {
    changed = false;
    for (const { from, to } of all) {
      const of = reached.get(from) ?? new Set();
      for (const node of [to, ...(reached.get(to) ?? [])]) {
        if (!of.has(node)) changed = true;
        of.add(node);
      }
    }
  }
  return reached;
}

/** The length of a shortest cycle in a part of the graph: tries ways of each length. */
function shortest(all: readonly Edge[]): number {
  let ways = all.map(({ from, to }) => ({ from, to }));
  for (let length = 1; ; length++) {
    if (ways.some(({ from, to }) => from === to)) return length;
    ways = ways.flatMap(({ from, to }) =>
      all.filter((edge) => edge.from === to).map((edge) => ({ from, to: edge.to })),
    );
    ways = [...new Map(ways.map((way) => [`${way.from} ${way.to}`, way])).values()];
  }
}

describe('cycles of a graph', () => {
  it('are the sets of nodes that reach each other', () => {
    fc.assert(
      fc.property(edges, (all) => {
        const reached = reachable(all);
        const expected = new Set(
          NODES.filter((node) => reached.get(node)?.has(node)).map((node) =>
            NODES.filter((other) => reached.get(node)?.has(other) && reached.get(other)?.has(node)).join(' '),
          ),
        );
        const found = cyclesOf(all);
        expect(found.map(({ parts }) => parts.join(' '))).to.deep.equal([...expected].sort());
        for (const { parts, types, path } of found) {
          const inner = all.filter(({ from, to }) => parts.includes(from) && parts.includes(to));
          expect(types).to.deep.equal([...new Set(inner.map(({ type }) => type))].sort());
          for (const [index, edge] of path.entries()) {
            expect(inner).to.deep.include(edge);
            expect(edge.to).to.equal(path[(index + 1) % path.length]?.from);
          }
          expect(path.length).to.equal(shortest(inner));
        }
      }),
      { seed, numRuns: 500 },
    );
  });

  it('are undeclared if they remain without the declared edges', () => {
    const part = fc.record({
      emits: fc.uniqueArray(fc.constantFrom('x', 'y', 'z'), { maxLength: 2 }),
      reads: fc.uniqueArray(fc.constantFrom('x', 'y', 'z'), { maxLength: 2 }),
      declared: fc.uniqueArray(fc.constantFrom('x', 'y', 'z'), { maxLength: 1 }),
    });
    fc.assert(
      fc.property(fc.array(part, { maxLength: 6 }), (given) => {
        const parts = given.map(({ emits, reads, declared }, index): Part => {
          const id = NODES[index] ?? '';
          const cycles = declared.length === 0 ? [] : [{ types: declared, reason: 'it ends' }];
          return { id, kind: 'worker', name: id, service: id, emits, reads, cycles };
        });
        const open = edgesOf({ parts }).filter(
          ({ to, type }) =>
            !parts.some(({ id, cycles }) => id === to && cycles.some(({ types }) => types.includes(type))),
        );
        const reached = reachable(open);
        const isCyclic = NODES.some((node) => reached.get(node)?.has(node));
        expect(undeclaredCycles({ parts }).length > 0).to.equal(isCyclic);
      }),
      { seed, numRuns: 500 },
    );
  });

  it('are found in a long chain without a deep recursion', () => {
    const chain = Array.from({ length: 20_000 }, (_, n) => ({ from: `n${n}`, type: 'x', to: `n${n + 1}` }));
    expect(cyclesOf(chain)).to.deep.equal([]);
  });
});
