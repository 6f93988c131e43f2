import { base, type Definitions } from '../events/definitions.js';
import { undeclaredCycles, uselessCycles, type Cycle } from './cycles.js';
import { edgesOf, type Flow, type Part } from './model.js';

/** What is wrong with a flow, or may be. */
export interface Findings {
  /** Cycles that no part declares: an error. */
  readonly cycles: readonly Cycle[];
  /** Declared cycles that do not exist. */
  readonly uselessCycles: readonly { part: Part; type: string }[];
  /** Types that a part reads and no part emits. Empty if the API does not declare what it appends. */
  readonly neverEmitted: readonly { type: string; readers: Part[] }[];
  /** Types that a part emits and no part receives. */
  readonly neverRead: readonly { type: string; emitters: Part[] }[];
}

/** Whether the library itself emits a type: a fleet reads those that it needs. */
export function isLibraryType(type: string): boolean {
  return Object.hasOwn(base, type);
}

export function findingsOf(flow: Flow, definitions: Definitions): Findings {
  const received = new Set(edgesOf(flow).map(({ type }) => type));
  const types = Object.keys(definitions)
    .filter((type) => !isLibraryType(type))
    .sort()
    .map((type) => ({
      type,
      emitters: flow.parts.filter(({ emits }) => emits.includes(type)),
      readers: flow.parts.filter(({ reads }) => reads.includes(type)),
    }));
  return {
    cycles: undeclaredCycles(flow),
    uselessCycles: uselessCycles(flow),
    neverEmitted:
      flow.undeclaredApi === undefined
        ? types.filter(({ emitters, readers }) => emitters.length === 0 && readers.length > 0)
        : [],
    neverRead: types.filter(({ type, emitters }) => emitters.length > 0 && !received.has(type)),
  };
}
