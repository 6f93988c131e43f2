import type { InboxKey } from '../../store.js';
import type { Connection, Statement } from '../connection.js';
import { idKey } from './id-values.js';
import type { NameCache } from './name-cache.js';

/** Returns the name of the consumer and source of an inbox row. A row stores its integer key. */
export function consumerName({ consumer, source }: InboxKey): string {
  return `${consumer}\u0000${source}`;
}

/** Handled and started messages. Works inside the open transaction. */
export class Inbox {
  readonly #markHandled: Statement;
  readonly #clear: Statement;
  readonly #start: Statement;
  readonly #anyStarted: Statement;
  readonly #forget: Record<'handled' | 'started', Statement>;
  #started: boolean | undefined;

  constructor(
    db: Connection,
    private readonly consumers: NameCache,
    private readonly clock: () => number,
  ) {
    this.#markHandled = db.prepare<unknown[]>(
      'INSERT INTO flotilla_inbox (consumer, id, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
    );
    this.#clear = db.prepare<unknown[]>('DELETE FROM flotilla_started WHERE consumer = ? AND id = ?');
    this.#start = db
      .prepare<unknown[]>(
        `INSERT INTO flotilla_started (consumer, id, count, at) VALUES (?, ?, 1, ?)
         ON CONFLICT DO UPDATE SET count = count + 1, at = excluded.at RETURNING count`,
      )
      .pluck();
    this.#anyStarted = db.prepare<unknown[]>('SELECT 1 FROM flotilla_started LIMIT 1').pluck();
    const ofConsumer = 'consumer IN (SELECT id FROM flotilla_consumers WHERE name >= ? AND name < ?)';
    this.#forget = {
      handled: db.prepare<unknown[]>(`DELETE FROM flotilla_inbox WHERE ${ofConsumer}`),
      started: db.prepare<unknown[]>(`DELETE FROM flotilla_started WHERE ${ofConsumer}`),
    };
  }

  /** Called when a transaction begins: other processes may have started messages since the last one. */
  begin(): void {
    this.#started = undefined;
  }

  markHandled(key: InboxKey): boolean {
    const consumer = this.consumers.keyOf(consumerName(key));
    const id = idKey(key.id);
    if (this.#markHandled.run(consumer, id, this.clock()).changes === 0) return false;
    // starts are rare: one query per transaction instead of a delete per message
    this.#started ??= this.#anyStarted.get() !== undefined;
    if (this.#started) this.#clear.run(consumer, id);
    return true;
  }

  clearStarts(key: InboxKey): void {
    this.#clear.run(this.consumers.keyOf(consumerName(key)), idKey(key.id));
  }

  /** Deletes the rows of every source: the separator sorts before any character of a name. */
  forget(consumer: string): number {
    const range = [`${consumer}\u0000`, `${consumer}\u0001`];
    this.#forget.started.run(...range);
    return this.#forget.handled.run(...range).changes;
  }

  recordStart(key: InboxKey): number {
    this.#started = true;
    return Number(this.#start.get(this.consumers.keyOf(consumerName(key)), idKey(key.id), this.clock()));
  }
}
