import type { WindowsDefinition } from '../../../src/windows/definition.js';
import type { PartTaken } from './readings.js';

/** A reading as it arrives. */
export interface Arrived {
  n: number;
  source: string;
  sensor: string;
  time: number;
  at: number;
}

/** Readings that arrive as the parts of one event. */
export interface ArrivedTogether {
  n: number;
  source: string;
  parts: readonly PartTaken[];
  at: number;
}

/** The reader has received everything that was published before `at`, and looks at the clock. */
export interface Tick {
  tick: number;
}

export type ScriptStep = Arrived | ArrivedTogether | Tick;

/** The parts of an event with their names; `identity`: what makes it the same part in another event. */
export function partsOf(step: Arrived | ArrivedTogether): (PartTaken & { name: string; identity: string })[] {
  if (!('parts' in step)) return [{ ...step, name: String(step.n), identity: `event ${step.source} ${step.n}` }];
  return step.parts.map((part, place) => ({
    ...part,
    name: `${step.n}/${part.id ?? place}`,
    identity: part.id === undefined ? `place ${step.source} ${step.n} ${place}` : `part ${step.source} ${part.id}`,
  }));
}

/** What the results of a window may be. */
export interface ExpectedWindow {
  sensor: string;
  end: number;
  /** The numbers in the result of its closing; undefined if it was empty then. */
  first: readonly number[] | undefined;
  /** What its last result contains at least and at most: corrections of one transaction are one result. */
  atLeast: readonly number[];
  contents: readonly (readonly number[])[];
  /** Whether there are results after that of its closing. */
  isCorrected: boolean;
}

export interface Expected {
  windows: readonly ExpectedWindow[];
  /** The names of the late and refused readings with their outcomes. */
  late: ReadonlyMap<string, string>;
  watermark: number;
}

interface Window {
  sensor: string;
  end: number;
  closed: boolean;
  first: number[] | undefined;
  emitted: number[];
  emissions: number;
  contents: number[][];
}

const AHEAD_MS = 5 * 60_000;

/** Whether a reading has a sensor and a time that is not too far ahead. */
export function isUsable({ sensor, time }: PartTaken, at: number): boolean {
  return sensor !== '' && time <= at + AHEAD_MS;
}

/** Computes the windows of a script by plain recomputation: all readings are kept in memory, and each window is counted
 *  from them when it is needed. */
export function recompute(definition: WindowsDefinition, steps: readonly ScriptStep[]): Expected {
  const { window, grace, idleAfter, correctFor, late: mode } = definition;
  const { kind, size, every } = window;
  const counted: PartTaken[] = [];
  const seen = new Set<string>();
  const windows = new Map<string, Window>();
  const late = new Map<string, string>();
  const newest = new Map<string, { time: number; at: number }>();
  let seenAt: number | undefined;
  let watermark = -Infinity;

  const contentOf = ({ sensor, end }: Pick<Window, 'sensor' | 'end'>) =>
    counted.filter((each) => each.sensor === sensor && each.time >= end - size && each.time < end);
  const exists = (each: Pick<Window, 'sensor' | 'end'>) =>
    contentOf(each).some(({ time }) => kind !== 'sliding' || time >= each.end - every);
  const numbers = (each: Pick<Window, 'sensor' | 'end'>) =>
    contentOf(each)
      .map(({ n }) => n)
      .sort((a, b) => a - b);
  const get = (sensor: string, end: number): Window => {
    const name = `${sensor} ${end}`;
    const known = windows.get(name);
    if (known !== undefined) return known;
    const made: Window = { sensor, end, closed: false, first: undefined, emitted: [], emissions: 0, contents: [] };
    windows.set(name, made);
    return made;
  };
  const emit = (each: Window) => {
    each.emitted = numbers(each);
    each.emissions += 1;
  };
  const valueAt = (now: number) => {
    const active = [...newest.values()].filter(({ at }) => now - at < idleAfter);
    if (active.length > 0) return Math.max(watermark, Math.min(...active.map(({ time }) => time)) - grace);
    return seenAt === undefined ? watermark : Math.max(watermark, now - grace - idleAfter);
  };
  const isOpenUntil = (value: number) =>
    [...windows.values()].some((each) => !each.closed && each.end > watermark && each.end <= value && exists(each));
  const close = () => {
    for (const each of windows.values()) {
      if (each.closed || each.end > watermark) continue;
      each.closed = true;
      if (!exists(each)) continue;
      emit(each);
      each.first = each.emitted;
    }
  };

  for (const step of steps) {
    if ('tick' in step) {
      const value = valueAt(step.tick);
      if (!isOpenUntil(value)) continue;
      watermark = value;
      close();
      continue;
    }
    const { source, at } = step;
    if (seen.has(`event ${step.n}`)) continue;
    seen.add(`event ${step.n}`);
    const touched = new Map<Window, boolean>();
    let latest = -Infinity;
    for (const part of partsOf(step)) {
      const { name, identity, sensor, time } = part;
      if (seen.has(identity)) continue;
      seen.add(identity);
      if (!isUsable(part, at)) {
        late.set(name, 'refused');
        continue;
      }
      latest = Math.max(latest, time);
      const start = Math.floor(time / every) * every;
      const ends = Array.from({ length: size / every }, (_, index) => start + (index + 1) * every);
      const missed = ends.filter((end) => end <= watermark);
      const corrected = mode === 'correct' ? missed.filter((end) => watermark - end <= correctFor) : [];
      if (start + every <= watermark) {
        late.set(name, corrected.length > 0 ? 'corrected' : mode === 'ignore' ? 'ignored' : 'expired');
      }
      if (missed.length < ends.length || corrected.length > 0) counted.push(part);
      for (const end of ends) {
        const each = get(sensor, end);
        if (end <= watermark) each.closed = true;
        touched.set(each, touched.get(each) === true || corrected.includes(end));
      }
    }
    for (const [each, isCorrected] of touched) {
      each.contents.push(numbers(each));
      if (isCorrected && exists(each)) emit(each);
    }
    if (latest === -Infinity) continue;
    newest.set(source, { time: Math.max(latest, newest.get(source)?.time ?? -Infinity), at });
    seenAt = at;
    watermark = valueAt(at);
    close();
  }
  return {
    late,
    watermark,
    windows: [...windows.values()]
      .filter(({ emissions }) => emissions > 0)
      .map(({ sensor, end, first, emitted, emissions, contents }) => ({
        ...{ sensor, end, first, atLeast: emitted, contents, isCorrected: emissions > 1 },
      })),
  };
}
