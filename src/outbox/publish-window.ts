import type { StoredEvent } from '../store/stored-event.js';

/** An event between its read from the store and the broker's confirm. */
export interface WindowEntry {
  readonly event: StoredEvent;
  /** `waiting`: an earlier event of its subject is not confirmed yet. `in flight`: published, or about to be.
   *  `deferred`: published later; the window does not wait for it. */
  state: 'waiting' | 'in flight' | 'confirmed' | 'deferred';
  /** The next event of the same subject, which waits for this one. */
  follower: WindowEntry | undefined;
  /** The event with the next position. */
  newer: WindowEntry | undefined;
}

/** The events from the lowest unconfirmed one, in the order of positions. Sends one event of a subject at a time:
 *  even if events are lost and published again, the first occurrence of each event follows those of earlier events
 *  of its subject. Confirmed events above the lowest unconfirmed one are not published again. */
export class PublishWindow {
  /** The number of all events in the window, waiting and confirmed ones included. */
  size = 0;
  /** The number of published and unconfirmed events. */
  inFlight = 0;
  #oldest: WindowEntry | undefined;
  #newest: WindowEntry | undefined;
  /** The last event of each subject in the window, unless it is confirmed or deferred. */
  readonly #last = new Map<string, WindowEntry>();

  constructor(
    /** The highest position up to which every event is confirmed or deferred. */
    public passed: number,
  ) {}

  /** Adds the event with the next position. Returns its entry if it may be sent now. */
  add(event: StoredEvent): WindowEntry | undefined {
    const entry = this.#append(event, 'waiting');
    const before = this.#last.get(event.stream);
    this.#last.set(event.stream, entry);
    if (before === undefined) return entry;
    before.follower = entry;
    return undefined;
  }

  /** Adds the event with the next position as deferred. */
  pass(event: StoredEvent): void {
    this.#append(event, 'deferred');
    this.#advance();
  }

  send(entry: WindowEntry): void {
    entry.state = 'in flight';
    this.inFlight += 1;
  }

  /** Records a confirm; repeated confirms have no effect. Returns the event that may be sent now. */
  confirm(entry: WindowEntry): WindowEntry | undefined {
    if (entry.state !== 'in flight') return undefined;
    entry.state = 'confirmed';
    this.inFlight -= 1;
    if (this.#last.get(entry.event.stream) === entry) this.#last.delete(entry.event.stream);
    this.#advance();
    return entry.follower;
  }

  /** Removes an event in flight and the waiting events of its subject; returns them in order. */
  defer(entry: WindowEntry): StoredEvent[] {
    this.inFlight -= 1;
    this.#last.delete(entry.event.stream);
    const events: StoredEvent[] = [];
    for (let each: WindowEntry | undefined = entry; each !== undefined; each = each.follower) {
      each.state = 'deferred';
      events.push(each.event);
    }
    this.#advance();
    return events;
  }

  /** Yields the events in flight, in the order of positions. */
  *unconfirmed(): Generator<WindowEntry> {
    for (let entry = this.#oldest; entry !== undefined; entry = entry.newer)
      if (entry.state === 'in flight') yield entry;
  }

  #append(event: StoredEvent, state: WindowEntry['state']): WindowEntry {
    const entry: WindowEntry = { event, state, follower: undefined, newer: undefined };
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
