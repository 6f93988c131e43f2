import { undeclaredCycles, type Cycle } from './cycles.js';
import { compare, type Flow } from './model.js';

export interface Change<Item> {
  readonly added: readonly Item[];
  readonly removed: readonly Item[];
}

/** A type that a part emits or reads. */
export interface PartType {
  readonly part: string;
  readonly type: string;
}

/** What has changed in a flow. */
export interface FlowDiff {
  /** Ids of parts. */
  readonly parts: Change<string>;
  readonly emits: Change<PartType>;
  readonly reads: Change<PartType>;
  /** The types with which a worker declares a cycle. */
  readonly declaredCycles: Change<PartType>;
  /** Cycles that are not declared. */
  readonly cycles: Change<Cycle>;
}

export function diffFlows(before: Flow, after: Flow): FlowDiff {
  return {
    parts: changed(before, after, ({ parts }) => parts.map(({ id }) => id), String),
    emits: changed(before, after, (flow) => pairsOf(flow, 'emits'), keyOf),
    reads: changed(before, after, (flow) => pairsOf(flow, 'reads'), keyOf),
    declaredCycles: changed(before, after, declaredCycles, keyOf),
    cycles: changed(before, after, undeclaredCycles, ({ parts, types }) => JSON.stringify([parts, types])),
  };
}

/** Whether nothing has changed. */
export function isUnchanged({ parts, emits, reads, declaredCycles, cycles }: FlowDiff): boolean {
  return [parts, emits, reads, declaredCycles, cycles].every(
    ({ added, removed }) => added.length + removed.length === 0,
  );
}

function changed<Item>(
  before: Flow,
  after: Flow,
  itemsOf: (flow: Flow) => Item[],
  key: (item: Item) => string,
): Change<Item> {
  const [old, now] = [itemsOf(before), itemsOf(after)];
  const without = (items: Item[], others: Item[]) => {
    const known = new Set(others.map(key));
    return items.filter((item) => !known.has(key(item))).sort((a, b) => compare(key(a), key(b)));
  };
  return { added: without(now, old), removed: without(old, now) };
}

function pairsOf({ parts }: Flow, relation: 'emits' | 'reads'): PartType[] {
  return parts.flatMap((part) => part[relation].map((type) => ({ part: part.id, type })));
}

function keyOf({ part, type }: PartType): string {
  return `${part} ${type}`;
}

function declaredCycles({ parts }: Flow): PartType[] {
  return parts
    .filter(({ kind }) => kind !== 'saga')
    .flatMap(({ id: part, cycles }) => cycles.flatMap(({ types }) => types.map((type) => ({ part, type }))));
}
