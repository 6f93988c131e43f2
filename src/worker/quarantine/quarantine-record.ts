import { KeyedQueue } from '../../concurrency/keyed-queue.js';
import { Presence } from '../../concurrency/presence.js';
import type { Store } from '../../store/store.js';
import {
  deleteQuarantined,
  firstQuarantined,
  insertQuarantined,
  isAnyQuarantined,
  isQuarantined,
  readQuarantined,
  type EventKey,
  type QuarantinedMessage,
} from './quarantine-table.js';
import { UnreadableKinds } from './unreadable-kinds.js';

/** Rows that are read or written together: about a millisecond. */
const PAGE = 100;

function eventName({ source, id }: EventKey): string {
  return `${source} ${id}`;
}

/** The topic that is notified of new rows of a worker. */
function topicOf(worker: string): string {
  return `quarantine:${worker}`;
}

/** The quarantined messages of a worker, as recorded in its store. Knows in memory whether there are any, so that a
 *  worker without quarantined messages reads nothing for them. */
export class QuarantineRecord {
  readonly #rows: Presence;
  readonly unreadable = new UnreadableKinds();
  readonly #bySubject = new KeyedQueue();
  readonly #listeners = new Set<() => void>();
  readonly #stopListening: () => void;

  constructor(
    private readonly store: Pick<Store, 'query' | 'transaction' | 'onNotify'>,
    private readonly worker: string,
  ) {
    this.#rows = new Presence(() => isAnyQuarantined(store.query, worker));
    this.#stopListening = store.onNotify(topicOf(worker), () => {
      this.#rows.changed();
      for (const listener of this.#listeners) listener();
    });
  }

  /** Whether no message of the worker is quarantined, or about to be. Reads memory only; knows of changes by other
   *  processes shortly after their commit. */
  get isEmpty(): boolean {
    return !this.#rows.may && this.#bySubject.size === 0;
  }

  /** Registers a listener for changes, also those by other processes. Returns a function that unregisters it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Runs the work for one subject at a time, in the order of the calls. */
  oneBySubject<T>(subject: string, work: () => Promise<T>): Promise<T> {
    return this.#bySubject.run(subject, work);
  }

  /** Resolves when the row is durable. */
  add(message: QuarantinedMessage): Promise<void> {
    return this.#addAll([message]);
  }

  /** Adds the rows that do not exist yet, in this order. Resolves with their number. */
  async addMissing(messages: readonly QuarantinedMessage[]): Promise<number> {
    let added = 0;
    for (let from = 0; from < messages.length; from += PAGE) {
      const missing = [];
      for (const message of messages.slice(from, from + PAGE)) {
        if (!(await isQuarantined(this.store.query, this.worker, message))) missing.push(message);
      }
      if (missing.length > 0) await this.#addAll(missing);
      added += missing.length;
    }
    return added;
  }

  /** Deletes the rows of other messages than these that were quarantined before a time, in milliseconds since the epoch.
   *  Resolves with their number. */
  async removeOthers(messages: readonly EventKey[], before: number): Promise<number> {
    const names = new Set(messages.map(eventName));
    let removed = 0;
    for (let after: number | undefined = 0; after !== undefined;) {
      const rows: (EventKey & { place: number })[] = await readQuarantined(this.store.query, this.worker, {
        after,
        before,
        limit: PAGE,
      });
      const others = rows.filter((row) => !names.has(eventName(row)));
      for (const row of others) await this.remove(row);
      removed += others.length;
      after = rows.at(-1)?.place;
    }
    return removed;
  }

  /** Deletes the row of an event that is not quarantined any more; does nothing without a row. */
  async remove(event: EventKey): Promise<void> {
    if (!(await isQuarantined(this.store.query, this.worker, event))) return;
    await this.store.transaction(async (tx) => {
      if (await deleteQuarantined(tx.sql, this.worker, event)) await tx.notify(topicOf(this.worker));
    });
  }

  /** The message of the subject that was quarantined first. */
  first(subject: string): Promise<EventKey | undefined> {
    return firstQuarantined(this.store.query, this.worker, subject);
  }

  close(): void {
    this.#stopListening();
    this.#listeners.clear();
  }

  async #addAll(messages: readonly QuarantinedMessage[]): Promise<void> {
    try {
      await this.store.transaction(async (tx) => {
        for (const message of messages) await insertQuarantined(tx.sql, this.worker, message);
        await tx.notify(topicOf(this.worker));
      });
    } finally {
      this.#rows.changed();
    }
  }
}
