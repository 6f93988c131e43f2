import { matches } from '../../../events/patterns.js';
import type { ReadFilter } from '../../store.js';
import type { StoredEvent } from '../../stored-event.js';
import type { Connection } from '../connection.js';
import { EventRows, SELECT_EVENTS } from './event-rows.js';
import { idValue } from '../tables/id-values.js';
import { ReadView } from './read-view.js';
import { FilteredReader, type ResolvedFilter } from './filtered-reader.js';
import { TimeBlockScan, type TimeSpan } from './time-block-scan.js';

const STREAM = `${SELECT_EVENTS}
  WHERE e.stream = (SELECT id FROM flotilla_streams WHERE name = @stream) AND e.version > @after
  ORDER BY e.version LIMIT +@limit`;

/** Reads the events of one file through one connection, including its own uncommitted changes. */
export class EventReader {
  readonly #rows: EventRows;
  readonly #filtered: FilteredReader;
  readonly #timeBlocks: TimeBlockScan;
  readonly #view: ReadView;

  constructor(db: Connection) {
    this.#rows = new EventRows(db);
    this.#filtered = new FilteredReader(this.#rows);
    this.#timeBlocks = new TimeBlockScan(this.#rows);
    this.#view = new ReadView(db);
  }

  /** A negative limit means no limit. */
  stream(stream: string, after: number, limit: number): StoredEvent[] {
    return this.#rows.events(STREAM, { stream, after, limit });
  }

  event(id: string): StoredEvent | undefined {
    return this.#rows.events(`${SELECT_EVENTS} WHERE e.id = @id`, { id: idValue(id) })[0];
  }

  head(): number {
    return this.#rows.number('SELECT MAX(position) FROM flotilla_events', {}) ?? 0;
  }

  /** Reads in one view of the file: otherwise an event of a type created after the type lookup could be missing from
   *  a page that contains a later event. */
  all(after: number, limit: number, filter: ReadFilter): StoredEvent[] {
    return this.#view.run(() => this.#all(after, limit, filter));
  }

  #all(after: number, limit: number, filter: ReadFilter): StoredEvent[] {
    const wanted = this.#resolve(filter);
    if (wanted === undefined) return [];
    const { span } = wanted;
    if (span === undefined) return this.#filtered.within({ after, through: Number.MAX_SAFE_INTEGER }, limit, wanted);
    const head = this.head();
    const found: StoredEvent[] = [];
    for (let at = after; found.length < limit;) {
      const range = this.#timeBlocks.next(at, head, span);
      if (range === undefined) break;
      found.push(...this.#filtered.within(range, limit - found.length, wanted));
      at = range.through;
    }
    return found;
  }

  /** Resolves names to keys; undefined if no event can match. */
  #resolve(filter: ReadFilter): ResolvedFilter | undefined {
    const wanted: ResolvedFilter = {};
    const span = spanOf(filter);
    if (span !== undefined && span.since >= span.until) return undefined;
    if (span !== undefined) wanted.span = span;
    if (filter.correlationId !== undefined) wanted.correlation = idValue(filter.correlationId);
    if (filter.subject !== undefined) {
      const stream = this.#rows.number('SELECT id FROM flotilla_streams WHERE name = @name', { name: filter.subject });
      if (stream === undefined) return undefined;
      wanted.stream = stream;
    }
    const patterns = filter.type === undefined ? ['#'] : [filter.type].flat();
    if (!patterns.includes('#')) {
      wanted.types = this.#typesLike(patterns);
      if (wanted.types.length === 0) return undefined;
    }
    return wanted;
  }

  #typesLike(patterns: readonly string[]): number[] {
    const types = this.#rows.rows('SELECT id, name FROM flotilla_types', {}) as [number, string][];
    return types.filter(([, name]) => patterns.some((pattern) => matches(pattern, name))).map(([id]) => id);
  }
}

function spanOf({ since, until }: ReadFilter): TimeSpan | undefined {
  if (since === undefined && until === undefined) return undefined;
  return {
    since: since === undefined ? Number.MIN_SAFE_INTEGER : instantOf(since),
    until: until === undefined ? Number.MAX_SAFE_INTEGER : instantOf(until),
  };
}

function instantOf(time: string): number {
  const milliseconds = Date.parse(time);
  if (Number.isNaN(milliseconds))
    throw new RangeError(`Events since or until ${JSON.stringify(time)}: that is no time`);
  return milliseconds;
}
