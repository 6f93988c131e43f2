import type { ReadFilter } from '../../store.js';
import type { StoredEvent } from '../../stored-event.js';
import type { ArchiveFile } from '../archive/archive-file.js';
import type { Connection, Statement } from '../connection.js';
import { idValue } from '../tables/id-values.js';
import { EventReader } from './read-events.js';
import { ReadView } from './read-view.js';

/** Reads events from the store and its archive. The store is always read first: an event that is being archived is
 *  in both for a while, and always in at least one. A read without archived events never opens the archive. */
export class History {
  readonly #store: EventReader;
  readonly #view: ReadView;
  readonly #archivedThrough: Statement;
  readonly #archivedId: Statement;

  constructor(
    db: Connection,
    private readonly archive: ArchiveFile,
  ) {
    this.#store = new EventReader(db);
    this.#view = new ReadView(db);
    this.#archivedThrough = db.prepare<unknown[]>('SELECT MAX(position) FROM flotilla_archived').pluck();
    this.#archivedId = db.prepare<unknown[]>('SELECT 1 FROM flotilla_archived_ids WHERE id = ?').pluck();
  }

  /** A negative limit means no limit. Versions have no gaps, and the last event of a stream is never archived: any
   *  gap is filled from the archive. */
  stream(name: string, after: number, limit: number): StoredEvent[] {
    const stored = this.#store.stream(name, after, limit);
    const [first] = stored;
    const from = Math.max(after, 0);
    if (first === undefined || first.version <= from + 1) return stored;
    const missing = first.version - 1 - from;
    const wanted = limit < 0 ? missing : Math.min(missing, limit);
    const archived = this.archive.events.stream(name, from, wanted);
    if (archived.length !== wanted || archived.at(-1)?.version !== from + wanted) {
      this.archive.lacks(`events of ${name}`);
    }
    return limited([...archived, ...stored], limit);
  }

  event(id: string): StoredEvent | undefined {
    const stored = this.#store.event(id);
    if (stored !== undefined || this.#archivedId.get(idValue(id)) === undefined) return stored;
    return this.archive.events.event(id) ?? this.archive.lacks(`the event ${id}`);
  }

  head(): number {
    return this.#store.head();
  }

  /** Returns the highest position in the archive; 0 if it is empty. */
  archivedThrough(): number {
    return Number(this.#archivedThrough.get() ?? 0);
  }

  all(after: number, limit: number, filter: ReadFilter): StoredEvent[] {
    const { stored, through } = this.#view.run(() => ({
      stored: this.#store.all(after, limit, filter),
      through: this.archivedThrough(),
    }));
    if (through <= after) return stored;
    this.archive.requireThrough(through);
    return limited(merged(this.archive.events.all(after, limit, filter), stored), limit);
  }
}

function limited(events: StoredEvent[], limit: number): StoredEvent[] {
  return limit < 0 || events.length <= limit ? events : events.slice(0, limit);
}

/** Merges by position; duplicates appear once. */
function merged(some: readonly StoredEvent[], others: readonly StoredEvent[]): StoredEvent[] {
  const byPosition = new Map([...some, ...others].map((event) => [event.position, event]));
  return [...byPosition.values()].sort((a, b) => a.position - b.position);
}
