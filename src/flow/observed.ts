import type { SeenCount } from '../journal/seen.js';
import { delayQuantile } from '../traffic/delays.js';
import type { HandledCount } from '../traffic/handled-table.js';
import { perHour } from '../traffic/recent.js';
import { compare, type Flow, type Part } from './model.js';

/** What a service has emitted of a type, as the journal has it. */
export interface ObservedEmits {
  readonly source: string;
  readonly type: string;
  /** Ids of the parts that declare it; empty if none does. */
  readonly emitters: readonly string[];
  /** Whether the source is neither a service of the fleet nor allowed from outside. */
  readonly isForeign: boolean;
  /** Null if the journal was not read. */
  readonly count: number | null;
  readonly perHour: number | null;
  /** The time of the latest one, RFC 3339; null if it was never seen. */
  readonly lastAt: string | null;
}

/** What a reader has handled of a type from a service. */
export interface ObservedReads {
  readonly source: string;
  readonly type: string;
  /** The id of a part; the name of a reader that no part has. */
  readonly reader: string;
  /** Whether a part of the source emits the type, and this reader reads it. */
  readonly isDeclared: boolean;
  /** Null if the store of the reader was not read. */
  readonly count: number | null;
  readonly perHour: number | null;
  /** Milliseconds from the time of the event to the end of its handling, over about the last hour before the last one. */
  readonly p50: number | null;
  readonly p95: number | null;
  /** When the latest one was handled, RFC 3339; null if none was. */
  readonly lastAt: string | null;
}

export interface ObservedFlow {
  readonly emits: readonly ObservedEmits[];
  readonly reads: readonly ObservedReads[];
}

export interface Observations {
  /** Undefined if the journal was not read. */
  readonly seen: readonly SeenCount[] | undefined;
  /** By the service of the store; a store that was not read is missing. */
  readonly handled: ReadonlyMap<string, readonly HandledCount[]>;
  /** The services of the fleet. */
  readonly services: readonly string[];
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** Compares a flow with what was seen: every declared edge, and those that were seen without a declaration. */
export function observeFlow({ parts }: Flow, observations: Observations): ObservedFlow {
  return { emits: observeEmits(parts, observations), reads: observeReads(parts, observations) };
}

function observeEmits(parts: readonly Part[], { seen, services, now }: Observations): ObservedEmits[] {
  const known = new Set([...services, ...parts.map(({ service }) => service)]);
  const counts = new Map((seen ?? []).map((count) => [keyOf(count.source, count.type), count]));
  const pairs = new Map<string, { source: string; type: string; emitters: string[] }>();
  for (const { source, type } of counts.values()) pairs.set(keyOf(source, type), { source, type, emitters: [] });
  for (const { id, service: source, emits } of parts) {
    for (const type of emits) {
      const key = keyOf(source, type);
      const pair = pairs.get(key) ?? { source, type, emitters: [] };
      pair.emitters.push(id);
      pairs.set(key, pair);
    }
  }
  return [...pairs].sort(byTypeAndSource).map(([key, pair]) => {
    const count = counts.get(key);
    return {
      ...pair,
      isForeign: !known.has(pair.source),
      count: seen === undefined ? null : (count?.count ?? 0),
      perHour: seen === undefined ? null : count === undefined ? 0 : perHour(count.recent, now),
      lastAt: count === undefined ? null : new Date(count.lastAt).toISOString(),
    };
  });
}

function observeReads(parts: readonly Part[], { handled, now }: Observations): ObservedReads[] {
  const counts = new Map(
    [...handled.values()].flat().map((count) => [keyOf(count.source, count.type, count.reader), count]),
  );
  const edges = new Map<string, { source: string; type: string; reader: string; isDeclared: boolean; store: string }>();
  for (const { source, type, reader, store } of declaredReads(parts)) {
    edges.set(keyOf(source, type, reader.name), { source, type, reader: reader.id, isDeclared: true, store });
  }
  for (const [store, all] of handled) {
    for (const { source, type, reader } of all) {
      const key = keyOf(source, type, reader);
      if (edges.has(key)) continue;
      const part = parts.find((each) => readerOf(each) === reader && each.service === store);
      edges.set(key, { source, type, reader: part?.id ?? reader, isDeclared: false, store });
    }
  }
  return [...edges].sort(byTypeAndSource).map(([key, { store, ...edge }]) => {
    const count = counts.get(key);
    const wasRead = handled.has(store);
    const quantile = (share: number) =>
      count === undefined ? null : (delayQuantile(count.delays.sums, share) ?? null);
    return {
      ...edge,
      count: wasRead ? (count?.count ?? 0) : null,
      perHour: wasRead ? (count === undefined ? 0 : perHour(count.delays, now)) : null,
      p50: quantile(0.5),
      p95: quantile(0.95),
      lastAt: count === undefined ? null : new Date(count.lastAt).toISOString(),
    };
  });
}

/** A worker counts what it handles under its own name, also what one of its sagas reads. */
function readerOf({ kind, name, worker }: Part): string | undefined {
  return kind === 'projection' ? name : worker;
}

function declaredReads(parts: readonly Part[]) {
  return parts.flatMap((part) => {
    const name = readerOf(part);
    if (name === undefined) return [];
    return part.reads.flatMap((type) =>
      parts
        .filter(
          ({ emits, service }) => emits.includes(type) && (part.kind !== 'projection' || service === part.service),
        )
        .map(({ service: source }) => ({ source, type, reader: { id: part.id, name }, store: part.service })),
    );
  });
}

function keyOf(...names: string[]): string {
  return JSON.stringify(names);
}

type Sorted = readonly [string, { type: string; source: string; reader?: string }];

function byTypeAndSource([, a]: Sorted, [, b]: Sorted): number {
  return compare(a.type, b.type) || compare(a.source, b.source) || compare(a.reader ?? '', b.reader ?? '');
}
