import { matches } from '../events/patterns.js';
import type { Flow, Part } from './model.js';

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
