import type { StoredEvent } from '../store/stored-event.js';

/** One event between the store and the broker's confirm. */
export interface Entry {
  readonly event: StoredEvent;
  /** `held`: an earlier event of its subject is not confirmed yet. `out`: published, or about to be. `deferred`: it is
   *  published later, and the window does not wait for it. */
  state: 'held' | 'out' | 'confirmed' | 'deferred';
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
  /** The last event of each subject in the window, unless it is confirmed or deferred. */
  readonly #last = new Map<string, Entry>();

  constructor(
    /** The highest position up to which everything is confirmed or deferred. */
    public passed: number,
  ) {}

  /** Takes the event with the next position. Gives its entry when it may go out now. */
  add(event: StoredEvent): Entry | undefined {
    const entry = this.#append(event, 'held');
    const before = this.#last.get(event.stream);
    this.#last.set(event.stream, entry);
    if (before === undefined) return entry;
    before.follower = entry;
    return undefined;
  }

  /** Takes the event with the next position, which is deferred. */
  pass(event: StoredEvent): void {
    this.#append(event, 'deferred');
    this.#advance();
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
    this.#advance();
    return entry.follower;
  }

  /** Gives up an event that is out, and those of its subject that are held because of it; they are given in order. */
  defer(entry: Entry): StoredEvent[] {
    this.out -= 1;
    this.#last.delete(entry.event.stream);
    const events: StoredEvent[] = [];
    for (let each: Entry | undefined = entry; each !== undefined; each = each.follower) {
      each.state = 'deferred';
      events.push(each.event);
    }
    this.#advance();
    return events;
  }

  /** Those that are out, from the lowest on. */
  *unconfirmed(): Generator<Entry> {
    for (let entry = this.#oldest; entry !== undefined; entry = entry.newer) if (entry.state === 'out') yield entry;
  }

  #append(event: StoredEvent, state: Entry['state']): Entry {
    const entry: Entry = { event, state, follower: undefined, newer: undefined };
    if (this.#newest === undefined) this.#oldest = entry;
    else this.#newest.newer = entry;
    this.#newest = entry;
    this.size += 1;
    return entry;
  }

  #advance(): void {
    while (this.#oldest?.state === 'confirmed' || this.#oldest?.state === 'deferred') {
      this.passed = this.#oldest.event.position;
      this.#oldest = this.#oldest.newer;
      this.size -= 1;
    }
    if (this.#oldest === undefined) this.#newest = undefined;
  }
}
