import { subjectText } from '../../events/envelope.js';
import type { Fold, WindowsDefinition } from '../definition.js';
import { endsOf, endsWith, paneOf } from '../shapes.js';
import { PaneCache, type Pane } from './pane-cache.js';
import type { LateEvent, Segment, WindowOfKey } from './segment.js';
import { Watermark, type StoredWatermark } from './watermark.js';

/** An event, or a part of one, with its key and its fold. */
export interface WindowInput {
  /** The id of the event. */
  id: string;
  /** Names the part within the event; empty for an event that is not split. */
  part: string;
  source: string;
  type: string;
  /** Event time, in milliseconds since the epoch. */
  time: number;
  key: string;
  event: unknown;
  fold: Fold;
  /** The source of the watermark, if not `source`: a partition. */
  partition?: string;
}

/** When an event arrived, and the wall clock. They differ while history is read. */
export interface Arrival {
  at: number;
  now: number;
}

export interface StoredEngine {
  watermark?: StoredWatermark | undefined;
  /** The starts of the stored panes with windows that are not closed. */
  openStarts?: readonly number[];
  /** The start of the newest stored pane. */
  newestStart?: number | undefined;
  cacheLimit?: number;
}

/** An event with a later time is refused: it would move the watermark, and make all others late. */
export const MAX_AHEAD_MS = 5 * 60_000;

/** The maximum length of a key; results have it in their subject. */
const MAX_KEY_LENGTH = 256;

/** Whether the subject of a result can contain the key. */
export function isUsableKey(key: string): boolean {
  return key.length <= MAX_KEY_LENGTH && subjectText.safeParse(key).success;
}

/** A fold that threw. Its pane may be changed, so that all panes in memory are to be discarded. */
export class FoldFailure extends Error {
  constructor(
    readonly input: WindowInput,
    override readonly cause: unknown,
  ) {
    super(`The fold of ${input.type} failed`, { cause });
  }
}

/** Assigns events to panes, advances the watermark and decides which windows to close and to correct. Without input and
 *  output: panes that are stored are loaded before `apply`, and `cut` returns what to store. */
export class WindowEngine {
  readonly watermark: Watermark;
  readonly #panes: PaneCache;
  readonly #open: Set<number>;
  #nextEnd = Infinity;
  /** All windows that end by then are closed. */
  #closed: number;
  readonly #dirty = new Set<Pane>();
  #late: LateEvent[] = [];
  readonly #changed = new Map<string, WindowOfKey>();
  /** Panes changed since the last early results. */
  readonly #touched = new Map<string, WindowOfKey>();

  constructor(
    private readonly definition: WindowsDefinition,
    { watermark, openStarts = [], newestStart = -Infinity, cacheLimit = 50_000 }: StoredEngine = {},
  ) {
    this.watermark = new Watermark(definition, watermark);
    this.#panes = new PaneCache(newestStart, cacheLimit);
    this.#open = new Set(openStarts);
    this.#closed = this.watermark.value;
    this.#findNextEnd();
  }

  /** The number of changes since the last `cut`. */
  get changes(): number {
    return this.#dirty.size + this.#late.length;
  }

  /** Whether `cut` returns anything but the watermark. */
  get hasChanges(): boolean {
    return this.changes > 0 || this.#changed.size > 0 || this.watermark.value >= this.#nextEnd;
  }

  /** The number of pane starts with windows that are not closed. */
  get open(): number {
    return this.#open.size;
  }

  /** The start before which panes are no longer needed. */
  get horizon(): number {
    return this.watermark.value - this.definition.window.size - this.definition.correctFor;
  }

  /** The pane of an event if it is not in memory and may be stored: it must be loaded before `apply`. */
  missing({ time, key }: Pick<WindowInput, 'time' | 'key'>): { start: number; key: string } | undefined {
    const start = paneOf(this.definition.window, time);
    return start >= this.horizon && this.#panes.isMissing(start, key) ? { start, key } : undefined;
  }

  load(pane: Pane): void {
    this.#panes.add(pane);
  }

  /** Adds the parts of an event. They arrive together: none makes another one late. Returns whether windows are to be
   *  closed: `cut` before the next event. Throws `FoldFailure`. */
  apply(parts: readonly WindowInput[], { at, now }: Arrival): boolean {
    // no window is left to be closed
    this.#closed = this.watermark.value;
    let newest: WindowInput | undefined;
    for (const part of parts) if (this.#add(part, now) && !(newest && newest.time >= part.time)) newest = part;
    if (newest === undefined) return false;
    this.watermark.observe(newest.partition ?? newest.source, newest.time, at);
    return this.watermark.value >= this.#nextEnd;
  }

  /** False if it is refused. */
  #add(input: WindowInput, now: number): boolean {
    if (input.time > now + MAX_AHEAD_MS) {
      this.refuse(input, { code: 'windows.time_ahead', message: `${input.time - now} ms ahead` }, now);
      return false;
    }
    const start = paneOf(this.definition.window, input.time);
    const pane = this.#panes.get(start, input.key) ?? this.#create(start, input);
    if (pane === undefined) {
      this.refuse(input, { code: 'windows.bad_key', message: JSON.stringify(input.key.slice(0, 100)) }, now);
      return false;
    }
    if (start + this.definition.window.every <= this.watermark.value) this.#applyLate(input, pane, now);
    else this.#fold(input, pane);
    return true;
  }

  /** Records a part that cannot be added. */
  refuse(input: Omit<WindowInput, 'event' | 'fold'>, { code, message }: { code: string; message: string }, at: number) {
    const { id: eventId, part, source, type, key, time } = input;
    this.#late.push({
      ...{ eventId, part, source, type, time, code, message, at },
      ...{ key: key.slice(0, MAX_KEY_LENGTH), outcome: 'refused', windowEnd: 0, lateBy: 0 },
    });
  }

  /** Milliseconds since the wall clock would have closed the oldest open window if every source were idle; 0 if none is
   *  due. */
  overdue(now: number): number {
    const { grace, idleAfter } = this.definition;
    return Math.max(0, now - this.#nextEnd - grace - idleAfter);
  }

  /** Whether a window could be closed at this time of the wall clock without another event. */
  couldClose(now: number): boolean {
    return this.watermark.at(now) >= this.#nextEnd;
  }

  /** The time of the wall clock, from `now` on, at which a window could be closed without another event; `Infinity`: none
   *  is open. */
  closesAt(now: number): number {
    return this.#nextEnd === Infinity ? Infinity : this.watermark.reachedAt(this.#nextEnd, now);
  }

  /** Whether open windows have events since the last early results. */
  get hasEarly(): boolean {
    return this.#touched.size > 0;
  }

  /** Advances the watermark by the wall clock if that closes a window. All events that were published before `now` must
   *  have been applied. Returns whether windows are to be closed. */
  tick(now: number): boolean {
    if (!this.couldClose(now)) return false;
    this.watermark.advanceTo(this.watermark.at(now));
    return true;
  }

  /** Emits the open windows with new events, not yet final. */
  emitEarly(): boolean {
    for (const [name, window] of this.#touched) if (window.end > this.#closed) this.#changed.set(name, window);
    this.#touched.clear();
    return this.#changed.size > 0;
  }

  /** Returns what has changed since the last call, with the windows to close. */
  cut(): Segment {
    const value = this.watermark.value;
    const ends = new Set<number>();
    if (value >= this.#nextEnd) {
      for (const start of this.#open) {
        const own = endsOf(this.definition.window, start);
        for (const end of own) if (end > this.#closed && end <= value) ends.add(end);
        if ((own.at(-1) ?? start) <= value) this.#open.delete(start);
      }
    }
    this.#closed = value;
    this.#findNextEnd();
    const panes = [...this.#dirty].map(({ state, ...pane }) => ({ ...pane, state: JSON.stringify(state) }));
    const { stored } = this.watermark;
    const sources = new Map([...stored.sources].map(([name, progress]) => [name, { ...progress }]));
    const segment: Segment = {
      panes,
      late: this.#late,
      changed: [...this.#changed.values()].filter(({ end }) => !ends.has(end)),
      ends: [...ends].sort((a, b) => a - b),
      watermark: { ...stored, sources },
    };
    this.#dirty.clear();
    this.#late = [];
    this.#changed.clear();
    return segment;
  }

  /** Forgets panes in memory beyond the limit. Only when everything cut is stored. */
  trim(): void {
    this.#panes.trim((pane) => this.#dirty.has(pane), this.horizon);
  }

  /** Undefined for a key that cannot be in a subject. */
  #create(start: number, { key }: WindowInput): Pane | undefined {
    if (!isUsableKey(key)) return undefined;
    const pane: Pane = { start, key, count: 0, late: 0, state: this.definition.initial() };
    this.#panes.add(pane);
    return pane;
  }

  #fold(input: WindowInput, pane: Pane): void {
    try {
      pane.state = input.fold(pane.state, input.event);
    } catch (error) {
      throw new FoldFailure(input, error);
    }
    pane.count += 1;
    this.#dirty.add(pane);
    this.#keepOpen(pane.start);
    if (this.definition.early === undefined) return;
    for (const end of endsOf(this.definition.window, pane.start)) this.#touch(this.#touched, { key: pane.key, end });
  }

  #applyLate(input: WindowInput, pane: Pane, now: number): void {
    const { window, late, correctFor } = this.definition;
    const watermark = this.watermark.value;
    const ends = endsWith(window, pane.start);
    const missed = ends.filter((end) => end <= watermark);
    const correctable = late === 'correct' ? missed.filter((end) => watermark - end <= correctFor) : [];
    const isOpen = missed.length < ends.length;
    const [windowEnd = 0] = missed;
    const { id: eventId, part, source, type, key, time } = input;
    const outcome = correctable.length > 0 ? 'corrected' : late === 'ignore' ? 'ignored' : 'expired';
    if (isOpen || correctable.length > 0) this.#fold(input, pane);
    if (isOpen || watermark - pane.start - window.size <= correctFor) {
      pane.late += 1;
      this.#dirty.add(pane);
    }
    for (const end of correctable) this.#touch(this.#changed, { key, end });
    this.#late.push({
      ...{ eventId, part, source, type, key, time, outcome, windowEnd, at: now },
      ...{ lateBy: watermark - windowEnd + 1, code: '', message: '' },
    });
  }

  #touch(windows: Map<string, WindowOfKey>, window: WindowOfKey): void {
    windows.set(`${window.end} ${window.key}`, window);
  }

  #keepOpen(start: number): void {
    if (this.#open.has(start)) return;
    const next = endsOf(this.definition.window, start).find((end) => end > this.#closed);
    if (next === undefined) return;
    this.#open.add(start);
    this.#nextEnd = Math.min(this.#nextEnd, next);
  }

  #findNextEnd(): void {
    this.#nextEnd = Infinity;
    for (const start of this.#open) {
      const next = endsOf(this.definition.window, start).find((end) => end > this.#closed);
      if (next !== undefined) this.#nextEnd = Math.min(this.#nextEnd, next);
    }
  }
}
