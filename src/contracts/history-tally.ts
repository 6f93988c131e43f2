import type { ErrorCode } from '../errors.js';
import type { Reading } from './reading.js';

/** One message of history. */
export interface Occurrence {
  /** Null if the message has none in a readable form. */
  id: string | null;
  /** RFC 3339, null as well. */
  time: string | null;
  place: string;
  /** The command that shows it; null if there is none. */
  inspect: string | null;
}

/** The messages of one version that cannot be read for one reason. */
export interface UnreadableGroup {
  /** Null for messages that are no events. */
  type: string | null;
  /** Null if the `dataschema` is foreign or missing. */
  version: number | null;
  code: ErrorCode;
  /** The message of the error of `first`, and what to do. */
  message: string;
  remedy: string;
  count: number;
  /** The numbers of messages by place. */
  places: Record<string, number>;
  /** The earliest and the latest of them by their times. */
  first: Occurrence;
  last: Occurrence;
}

/** Which messages of history a catalogue reads. */
export interface HistoryCounts {
  checked: number;
  unreadable: number;
  places: { place: string; checked: number; unreadable: number }[];
  /** The unreadable messages, the largest group first. */
  groups: UnreadableGroup[];
  /** Dead letters and quarantined messages that are there because they are unreadable. Not in `unreadable`. */
  known: UnreadableGroup[];
  /** The numbers of messages by version and place; those of no version of a type are left out. */
  versions: { type: string; version: number; places: Record<string, number> }[];
}

/** A message that was read, and where. `about` is called for an unreadable one only. */
export interface CountedMessage {
  place: string;
  reading: Reading;
  about: () => Pick<Occurrence, 'id' | 'time' | 'inspect'>;
  /** The code for which it was dead-lettered or quarantined. */
  setAsideFor?: string | undefined;
}

/** Bounds the memory for types that a publisher outside the fleet invents. */
const MAX_KEYS = 10_000;
const PROGRESS_INTERVAL = 1_000;

/** Counts the messages of history by place, version and reason. */
export class HistoryTally {
  readonly #places = new Map<string, { checked: number; unreadable: number }>();
  readonly #versions = new Map<string, { type: string; version: number; places: Record<string, number> }>();
  readonly #groups = new Map<string, UnreadableGroup>();
  readonly #known = new Map<string, UnreadableGroup>();

  #checked = 0;

  /** `onProgress` is called after every thousand messages with their number and the place of the last one. */
  constructor(private readonly onProgress?: (checked: number, place: string) => void) {}

  /** Lists a place even if it is empty. */
  begin(place: string): void {
    this.#places.set(place, this.#places.get(place) ?? { checked: 0, unreadable: 0 });
  }

  add({ place, reading, about, setAsideFor }: CountedMessage): void {
    this.begin(place);
    this.#checked += 1;
    if (this.#checked % PROGRESS_INTERVAL === 0) this.onProgress?.(this.#checked, place);
    const counts = this.#places.get(place);
    if (counts !== undefined) counts.checked += 1;
    const { event, version, failure } = reading;
    if (event !== undefined && version !== undefined) this.#countVersion(event.type, version, place);
    if (failure === undefined) return;
    // of a body that is too large, only the beginning is stored
    const isKnown = setAsideFor === failure.code || setAsideFor === 'contract.too_large';
    if (counts !== undefined && !isKnown) counts.unreadable += 1;
    const { code, message, remedy } = failure;
    const groups = isKnown ? this.#known : this.#groups;
    const occurrence = { ...about(), place };
    const found = { type: event?.type ?? null, version: version ?? null, code, message, remedy };
    const key = `${code} ${String(found.version)} ${String(found.type)}`;
    const group = groups.get(key);
    if (group !== undefined) extend(group, occurrence, message);
    else if (groups.size < MAX_KEYS) {
      groups.set(key, { ...found, count: 1, places: { [place]: 1 }, first: occurrence, last: occurrence });
    }
  }

  result(): HistoryCounts {
    const places = [...this.#places].map(([place, counts]) => ({ place, ...counts }));
    const sorted = (groups: ReadonlyMap<string, UnreadableGroup>) =>
      [...groups.values()].sort((a, b) => b.count - a.count);
    return {
      checked: this.#checked,
      unreadable: places.reduce((sum, { unreadable }) => sum + unreadable, 0),
      places,
      groups: sorted(this.#groups),
      known: sorted(this.#known),
      versions: [...this.#versions.values()],
    };
  }

  #countVersion(type: string, version: number, place: string): void {
    const key = `${version} ${type}`;
    let counts = this.#versions.get(key);
    if (counts === undefined) {
      if (this.#versions.size >= MAX_KEYS) return;
      this.#versions.set(key, (counts = { type, version, places: {} }));
    }
    counts.places[place] = (counts.places[place] ?? 0) + 1;
  }
}

function extend(group: UnreadableGroup, occurrence: Occurrence, message: string): void {
  const { place, time } = occurrence;
  group.count += 1;
  group.places[place] = (group.places[place] ?? 0) + 1;
  if (time === null) return;
  const [at, first, last] = [time, group.first.time ?? time, group.last.time ?? time].map((text) => Date.parse(text));
  if (Number(at) < Number(first)) Object.assign(group, { first: occurrence, message });
  if (Number(at) >= Number(last)) group.last = occurrence;
}
