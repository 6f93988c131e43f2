import type { StoredEvent } from '../../stored-event.js';
import { SELECT_EVENTS, type EventRows, type Values } from './event-rows.js';
import type { PositionRange, TimeSpan } from './time-block-scan.js';

/** A filter in terms of columns: keys instead of names, and at least one type. */
export interface ResolvedFilter {
  correlation?: Buffer | string;
  stream?: number;
  types?: readonly number[];
  span?: TimeSpan;
}

type Source = 'correlation' | 'stream' | 'types' | 'position';

/** Upper bound of a count, because counts are computed for every page. Larger sources are treated as equal. */
const COUNT_LIMIT = 1_000;
/** SQLite accepts at most 500 terms of a UNION. */
const MAX_UNION_TERMS = 250;

/**
 * Returns the matching events of a range in the order of positions. Every index used here yields this order without a
 * sort: entries of one type or one correlation are ordered by position, those of several types are merged, and within a
 * stream versions rise with positions. Of several suitable indexes, the one with the fewest entries is scanned; a `+`
 * before a column keeps the planner from choosing another one.
 */
export class FilteredReader {
  constructor(private readonly rows: EventRows) {}

  within(range: PositionRange, limit: number, wanted: ResolvedFilter): StoredEvent[] {
    const source = this.#narrowest(range, wanted);
    const values = { ...range, ...wanted.span, ...wanted, types: JSON.stringify(wanted.types), limit };
    const others = residualsOf(source, wanted);
    switch (source) {
      case 'correlation':
        return this.rows.events(selectOf(['e.correlation = @correlation', ...IN_RANGE, ...others]), values);
      case 'stream':
        return this.#ofStream(range, others, values);
      case 'types':
        return this.#ofTypes(wanted.types ?? [], others, values);
      case 'position':
        return this.rows.events(selectOf([...IN_RANGE, ...others]), values);
    }
  }

  #ofStream(range: PositionRange, others: string[], values: Values): StoredEvent[] {
    const text = selectOf(['e.stream = @stream', 'e.version > @from', 'e.version <= @to', ...others], 'e.version');
    return this.rows.events(text, {
      ...values,
      from: this.#versionAt(range.after, values),
      to: this.#versionAt(range.through, values),
    });
  }

  #ofTypes(types: readonly number[], others: string[], values: Values): StoredEvent[] {
    const found: StoredEvent[] = [];
    for (let at = 0; at < types.length; at += MAX_UNION_TERMS) {
      const some = types.slice(at, at + MAX_UNION_TERMS);
      const terms = some.map((_, n) => termOf([`e.type = @type${n}`, ...IN_RANGE, ...others]));
      const keys = Object.fromEntries(some.map((type, n) => [`type${n}`, type]));
      found.push(...this.rows.events(`${terms.join(' UNION ALL ')} ${orderedBy('position')}`, { ...values, ...keys }));
    }
    if (types.length <= MAX_UNION_TERMS) return found;
    return found.sort((a, b) => a.position - b.position).slice(0, Number(values.limit));
  }

  /** Returns the last version of the stream at or before this position, by bisection. */
  #versionAt(position: number, { stream }: Values): number {
    const versionOf = (order: string) =>
      this.rows.number(`SELECT version FROM flotilla_events WHERE stream = @stream ORDER BY version ${order} LIMIT 1`, {
        stream,
      }) ?? 0;
    // invariant: the result is at least `low` and below `high`
    let low = position <= 0 ? 0 : versionOf('ASC') - 1;
    let high = position <= 0 ? 1 : versionOf('DESC') + 1;
    if (position === Number.MAX_SAFE_INTEGER) low = high - 1;
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      const at = this.rows.number('SELECT position FROM flotilla_events WHERE stream = @stream AND version = @middle', {
        stream,
        middle,
      });
      if (at !== undefined && at <= position) low = middle;
      else high = middle;
    }
    return low;
  }

  /** Chooses the source with the fewest entries. Counts them, up to a limit, only if there are several sources. */
  #narrowest(range: PositionRange, { correlation, stream, types }: ResolvedFilter): Source {
    const counts = new Map<Source, () => number>();
    if (correlation !== undefined) {
      counts.set('correlation', () => this.#count('correlation', correlation, range, COUNT_LIMIT));
    }
    if (stream !== undefined) counts.set('stream', () => this.#countStream(range, stream));
    if (types !== undefined) {
      counts.set('types', () =>
        types.reduce(
          (sum, type) => sum + (sum < COUNT_LIMIT ? this.#count('type', type, range, COUNT_LIMIT - sum) : 0),
          0,
        ),
      );
    }
    const [first = 'position', ...others] = counts.keys();
    if (others.length === 0) return first;
    const counted = [...counts].map(([source, count]) => ({ source, count: count() }));
    return counted.reduce((least, next) => (next.count < least.count ? next : least)).source;
  }

  #count(column: 'correlation' | 'type', key: unknown, range: PositionRange, most: number): number {
    const text = `SELECT COUNT(*) FROM
      (SELECT 1 FROM flotilla_events e WHERE e.${column} = @key AND ${IN_RANGE.join(' AND ')} LIMIT +@most)`;
    return this.rows.number(text, { key, ...range, most }) ?? 0;
  }

  #countStream(range: PositionRange, stream: number): number {
    return Math.min(this.#versionAt(range.through, { stream }) - this.#versionAt(range.after, { stream }), COUNT_LIMIT);
  }
}

const IN_RANGE = ['e.position > @after', 'e.position <= @through'];

function termOf(conditions: readonly string[]): string {
  return `${SELECT_EVENTS} WHERE ${conditions.join(' AND ')}`;
}

function orderedBy(column: string): string {
  return `ORDER BY ${column} LIMIT +@limit`;
}

function selectOf(conditions: readonly string[], order = 'e.position'): string {
  return `${termOf(conditions)} ${orderedBy(order)}`;
}

/** Returns the conditions that remain to be checked for each row of the source. */
function residualsOf(source: Source, { correlation, stream, types, span }: ResolvedFilter): string[] {
  const residuals: string[] = [];
  if (correlation !== undefined && source !== 'correlation') residuals.push('+e.correlation = @correlation');
  if (stream !== undefined && source !== 'stream') residuals.push('+e.stream = @stream');
  if (types !== undefined && source !== 'types') residuals.push('+e.type IN (SELECT value FROM json_each(@types))');
  if (span !== undefined) residuals.push('+e.time >= @since', '+e.time < @until');
  return residuals;
}
