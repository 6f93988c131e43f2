import { isLibraryType, type Findings } from './findings.js';
import { compare, edgesOf, type Flow, type Part, type PartKind } from './model.js';
import { emitLabel, observedLines, readLabel, SOURCE, withUndeclared, type ArrowLabel } from './observed-diagram.js';
import type { ObservedFlow } from './observed.js';

/** A part, or message types that have the same emitters and readers. */
export interface Box {
  readonly id: string;
  readonly kind: PartKind | 'types';
  /** The name of the part, or the types. */
  readonly lines: readonly string[];
  /** What it is, for a part with another name. */
  readonly caption?: string;
  /** Whether no part emits these types, or no part reads them. */
  readonly isDeadEnd: boolean;
}

/** From a part to the types that it emits, or from types to a part that reads them. */
export interface Arrow extends ArrowLabel {
  /** Ids of boxes. */
  readonly from: string;
  readonly to: string;
  /** Whether it is in a cycle that no part declares. */
  readonly isCycle: boolean;
}

/** A flow in boxes and arrows: the common content of the formats for pictures. */
export interface Diagram {
  readonly title: string;
  /** How to read it, in lines. */
  readonly legend: readonly string[];
  /** What the picture shows, in sentences. */
  readonly description: readonly string[];
  readonly boxes: readonly Box[];
  readonly arrows: readonly Arrow[];
}

const LEGEND =
  'Arrows lead from a part of the fleet to the messages that it emits, and on to the parts that read them.';
const OBSERVED_LEGEND =
  'Numbers: messages, and the highest 95th percentile of their delays. Dotted: never seen. Orange: not declared.';

export function diagramOf(declared: Flow, { cycles }: Pick<Findings, 'cycles'>, observed?: ObservedFlow): Diagram {
  const flow = observed === undefined ? declared : withUndeclared(declared, observed);
  const groups = groupsOf(flow);
  const nameOf = new Map(flow.parts.map((part) => [part.id, part.name]));
  const names = (ids: readonly string[]) => ids.map((id) => nameOf.get(id) ?? id).join(', ');
  const isCycle = (part: string, types: readonly string[]) =>
    cycles.some(({ parts, types: inside }) => parts.includes(part) && types.some((type) => inside.includes(type)));
  const arrows = groups.flatMap(({ id, types, emitters, readers }) => [
    ...emitters.map((from) => ({ from, to: id, isCycle: isCycle(from, types), ...emitLabel(from, types, observed) })),
    ...readers.map((to) => ({ from: id, to, isCycle: isCycle(to, types), ...readLabel(to, types, observed) })),
  ]);
  return {
    title: 'Flow of messages',
    legend: observed === undefined ? [LEGEND] : [LEGEND, OBSERVED_LEGEND],
    description: [
      ...groups.map(
        ({ types, emitters, readers }) =>
          `${types.join(', ')}: emitted by ${names(emitters) || 'no part'}, read by ${names(readers) || 'no part'}.`,
      ),
      ...(observed === undefined ? [] : observedLines(observed)),
    ],
    boxes: [
      ...flow.parts.map(({ id, kind, name }) => ({
        id,
        kind,
        lines: [name],
        ...(name !== kind && { caption: id.startsWith(SOURCE) ? 'source' : kind }),
        isDeadEnd: false,
      })),
      ...groups.map(({ id, types, emitters, readers }) => ({
        id,
        kind: 'types' as const,
        lines: types,
        isDeadEnd: (emitters.length === 0 || readers.length === 0) && !types.every(isLibraryType),
      })),
    ],
    arrows,
  };
}

interface TypeGroup {
  id: string;
  types: string[];
  /** Ids of parts. */
  emitters: string[];
  readers: string[];
}

/** Types with the same emitters and readers share a box: a picture with a box for each type is too large to read. */
function groupsOf(flow: Flow): TypeGroup[] {
  const edges = edgesOf(flow);
  const idsOf = (parts: readonly Part[]) => parts.map(({ id }) => id);
  const groups = new Map<string, TypeGroup>();
  for (const type of typesOf(flow)) {
    const emitters = idsOf(flow.parts.filter(({ emits }) => emits.includes(type)));
    const reached = new Set(edges.filter((edge) => edge.type === type).map(({ to }) => to));
    // without an emitter, every reader is shown
    const readers = idsOf(
      flow.parts.filter(({ id, reads }) => reads.includes(type) && (emitters.length === 0 || reached.has(id))),
    );
    const key = JSON.stringify([emitters, readers]);
    const group = groups.get(key) ?? { id: `type:${type}`, types: [], emitters, readers };
    group.types.push(type);
    groups.set(key, group);
  }
  return [...groups.values()];
}

/** The types that parts emit or read, sorted. */
export function typesOf({ parts }: Pick<Flow, 'parts'>): string[] {
  return [...new Set(parts.flatMap(({ emits, reads }) => [...emits, ...reads]))].sort(compare);
}
