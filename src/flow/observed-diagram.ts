import { formatDelay } from './format-delay.js';
import type { Flow, Part } from './model.js';
import type { ObservedFlow, ObservedReads } from './observed.js';

/** Undeclared sources in a picture; a table shows all. */
const MAX_UNDECLARED = 50;

/** Begins the id of a source of undeclared messages. */
export const SOURCE = 'source:';

/** Adds what was seen and is not declared to a flow: sources as parts, readers with the type. */
export function withUndeclared(flow: Flow, { emits, reads }: ObservedFlow): Flow {
  const sources = new Map<string, Part>();
  for (const { source, type } of emits.filter(({ emitters }) => emitters.length === 0)) {
    const id = `${SOURCE}${source}`;
    const known = sources.get(id);
    if (known === undefined && sources.size === MAX_UNDECLARED) continue;
    sources.set(id, {
      ...{ id, kind: 'outside', name: source, service: source, reads: [], cycles: [] },
      emits: [...(known?.emits ?? []), type],
    });
  }
  const undeclared = reads.filter(({ isDeclared }) => !isDeclared);
  const parts = flow.parts.map((part) => {
    const more = undeclared.filter(({ reader }) => reader === part.id).map(({ type }) => type);
    return more.length === 0 ? part : { ...part, reads: [...new Set([...part.reads, ...more])] };
  });
  return { ...flow, parts: [...parts, ...sources.values()] };
}

/** What was seen of the messages of an arrow. */
export interface ArrowLabel {
  /** Empty if nothing is known. */
  readonly label: string;
  /** Declared and never seen, or seen and not declared. */
  readonly mark?: 'unseen' | 'undeclared';
}

/** The label of the arrow from a part to types. Parts of one service share its counts. */
export function emitLabel(part: string, types: readonly string[], observed: ObservedFlow | undefined): ArrowLabel {
  const isSource = part.startsWith(SOURCE);
  const seen = (observed?.emits ?? []).filter(
    ({ source, type, emitters }) =>
      types.includes(type) &&
      (isSource ? part === `${SOURCE}${source}` && emitters.length === 0 : emitters.includes(part)),
  );
  return labelOf(seen, isSource ? 'undeclared' : undefined);
}

/** The label of the arrow from types to a part. */
export function readLabel(part: string, types: readonly string[], observed: ObservedFlow | undefined): ArrowLabel {
  const seen = (observed?.reads ?? []).filter(({ reader, type }) => reader === part && types.includes(type));
  return labelOf(seen, seen.some(({ isDeclared }) => !isDeclared) ? 'undeclared' : undefined);
}

function labelOf(
  seen: readonly (Pick<ObservedReads, 'count'> & Partial<Pick<ObservedReads, 'p95'>>)[],
  mark: ArrowLabel['mark'],
): ArrowLabel {
  const known = seen.flatMap(({ count }) => (count === null ? [] : [count]));
  if (known.length === 0) return { label: '', ...(mark && { mark }) };
  const total = known.reduce((sum, count) => sum + count, 0);
  if (total === 0) return { label: '', mark: mark ?? 'unseen' };
  const slowest = Math.max(...seen.map(({ p95 }) => p95 ?? -1));
  const delay = slowest < 0 ? '' : ` · ${formatDelay(slowest)}`;
  return { label: `${total}${delay}`, ...(mark && { mark }) };
}

/** What a picture shows of the counts, in sentences. */
export function observedLines({ emits, reads }: ObservedFlow): string[] {
  return [
    ...emits.flatMap(({ source, type, count }) =>
      count === null ? [] : [`${source} emitted ${type} ${count} times.`],
    ),
    ...reads.flatMap(({ reader, source, type, count }) =>
      count === null ? [] : [`${reader} handled ${type} of ${source} ${count} times.`],
    ),
  ];
}
