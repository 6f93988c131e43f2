import { matches } from '../events/patterns.js';
import type { Flow, Part } from './model.js';
import type { ObservedEmits, ObservedFlow, ObservedReads } from './observed.js';

export interface FlowSelection {
  /** A worker, with its sagas and projections: what they read and emit, and the parts at the other end. */
  readonly worker?: string | undefined;
  /** A type or topic pattern. */
  readonly type?: string | undefined;
}

/** Returns the selected part of a flow. */
export function selectFlow(flow: Flow, { worker, type }: FlowSelection): Flow {
  const isSelected = (each: string) => type === undefined || matches(type, each);
  const own = flow.parts.filter((part) => worker === undefined || part.worker === worker);
  const emitted = new Set(own.flatMap(({ emits }) => emits));
  const read = new Set(own.flatMap(({ reads }) => reads));
  const parts = flow.parts
    .map((part): Part => {
      const isOwn = own.includes(part);
      return {
        ...part,
        emits: part.emits.filter((each) => isSelected(each) && (isOwn || read.has(each))),
        reads: part.reads.filter((each) => isSelected(each) && (isOwn || emitted.has(each))),
      };
    })
    .filter(({ emits, reads }) => emits.length + reads.length > 0);
  return { ...flow, parts };
}

/** Returns what was observed of the selected part of a flow. */
export function selectObserved(
  { emits, reads }: ObservedFlow,
  flow: Flow,
  { worker, type }: FlowSelection,
): ObservedFlow {
  const isSelected = (each: string) => type === undefined || matches(type, each);
  const own = flow.parts.filter((part) => worker === undefined || part.worker === worker);
  const [ids, services] = [new Set(own.map(({ id }) => id)), new Set(own.map(({ service }) => service))];
  // a type that no part declares belongs to every worker of the store
  const isOwnEmit = ({ emitters, source }: ObservedEmits) =>
    worker === undefined || (emitters.length === 0 ? services.has(source) : emitters.some((id) => ids.has(id)));
  const isOwnRead = ({ reader }: ObservedReads) => worker === undefined || ids.has(reader);
  const read = new Set(reads.filter(isOwnRead).map(({ type }) => type));
  const emitted = new Set(emits.filter(isOwnEmit).map(keyOf));
  return {
    emits: emits.filter((each) => isSelected(each.type) && (isOwnEmit(each) || read.has(each.type))),
    reads: reads.filter((each) => isSelected(each.type) && (isOwnRead(each) || emitted.has(keyOf(each)))),
  };
}

function keyOf({ source, type }: Pick<ObservedReads, 'source' | 'type'>): string {
  return JSON.stringify([source, type]);
}
