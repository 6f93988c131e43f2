import type { StoredEvent } from '../store/stored-event.js';

/** One event between the store and the broker's confirm. */
export interface Entry {
  readonly event: StoredEvent;
  /** `held`: an earlier event of its subject is not confirmed yet. `out`: published, or about to be. */
  state: 'held' | 'out' | 'confirmed';
  /** The next event of the same subject, held because of this one. */
  follower: Entry | undefined;
  /** The next event of all. */
  newer: Entry | undefined;
}

/**
 * The events from the lowest unconfirmed one on, in the order of their positions. Lets out one event of a subject at a
 * time, so that whatever is lost and published again, no first occurrence of an event comes before an earlier one of
 * its subject. What is confirmed above the lowest unconfirmed one is not published again.
 */
export class Window {
  /** All events in it, held and confirmed ones included. */
  size = 0;
  /** Those that are out. */
  out = 0;
  #oldest: Entry | undefined;
  #newest: Entry | undefined;
  /** The last event of each subject in the window, unless it is confirmed. */
  readonly #last = new Map<string, Entry>();

  constructor(
    /** The highest position up to which everything is confirmed. */
    public confirmed: number,
  ) {}

  /** Takes the event with the next position. Gives its entry when it may go out now. */
  add(event: StoredEvent): Entry | undefined {
    const entry: Entry = { event, state: 'held', follower: undefined, newer: undefined };
    const before = this.#last.get(event.stream);
    this.#last.set(event.stream, entry);
    if (this.#newest === undefined) this.#oldest = entry;
    else this.#newest.newer = entry;
    this.#newest = entry;
    this.size += 1;
    if (before === undefined) return entry;
    before.follower = entry;
    return undefined;
  }

  letOut(entry: Entry): void {
    entry.state = 'out';
    this.out += 1;
  }

  /** Notes a confirm; another one for the same event changes nothing. Gives the event that may go out now. */
  confirm(entry: Entry): Entry | undefined {
    if (entry.state !== 'out') return undefined;
    entry.state = 'confirmed';
    this.out -= 1;
    if (this.#last.get(entry.event.stream) === entry) this.#last.delete(entry.event.stream);
    while (this.#oldest?.state === 'confirmed') {
      this.confirmed = this.#oldest.event.position;
      this.#oldest = this.#oldest.newer;
      this.size -= 1;
    }
    if (this.#oldest === undefined) this.#newest = undefined;
    return entry.follower;
  }

  /** Those that are out, from the lowest on. */
  *unconfirmed(): Generator<Entry> {
    for (let entry = this.#oldest; entry !== undefined; entry = entry.newer) if (entry.state === 'out') yield entry;
  }
}
