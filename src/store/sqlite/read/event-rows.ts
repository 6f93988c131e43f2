import { StoredEvent } from '../../stored-event.js';
import type { Connection, Statement } from '../connection.js';
import { idAsText, idFromText } from '../tables/id-values.js';

type Row = [
  position: number,
  stream: string,
  version: number,
  id: string,
  type: string,
  time: number,
  correlation: string,
  body: string,
];

/** What a statement's parameters `@name` stand for; those it has none of are passed over. */
export type Values = Readonly<Record<string, unknown>>;

/** The events as `e`, to be followed by conditions. CROSS JOIN keeps the planner from walking streams or types first,
 *  which would need a sort. */
export const SELECT_EVENTS = `
  SELECT e.position AS position, s.name, e.version, ${idAsText('e.id')}, t.name, e.time, ${idAsText('e.correlation')},
    e.body
  FROM flotilla_events e CROSS JOIN flotilla_streams s ON s.id = e.stream CROSS JOIN flotilla_types t ON t.id = e.type`;

/** Runs statements that read events. Each text is prepared once.
 *
 *  A bare `LIMIT @limit` has a statement compiled anew for every run, as SQLite plans by its value: 28 µs in place of 6.
 *  So they all say `LIMIT +@limit`. */
export class EventRows {
  readonly #prepared = new Map<string, Statement>();

  constructor(private readonly db: Connection) {}

  events(text: string, values: Values): StoredEvent[] {
    const rows = this.rows(text, values) as Row[]; // the columns of SELECT_EVENTS
    return rows.map(
      ([position, stream, version, id, type, time, correlation, body]) =>
        new StoredEvent(position, stream, version, idFromText(id), type, time, idFromText(correlation), body),
    );
  }

  rows(text: string, values: Values): unknown[] {
    return this.#prepare(text).all(values);
  }

  /** The first column of the first row; undefined where there is none, or nothing in it. */
  number(text: string, values: Values): number | undefined {
    const [value] = (this.#prepare(text).get(values) ?? []) as unknown[];
    return typeof value === 'number' ? value : undefined;
  }

  /** Rows come as arrays: of an object per row, a third of the reading time would be its keys. */
  #prepare(text: string): Statement {
    const known = this.#prepared.get(text);
    if (known !== undefined) return known;
    const statement = this.db.prepare<unknown[]>(text).raw();
    this.#prepared.set(text, statement);
    return statement;
  }
}
