import type { UnsequencedEvent } from '../../../events/envelope.js';
import type { Timer } from '../../store.js';
import type { EventAppender } from '../write/append-events.js';
import type { Connection, Statement } from '../connection.js';

/** Timers. Works inside the open transaction. */
export class Timers {
  /** Timers stored in the open transaction. */
  scheduled = 0;
  readonly #save: Statement;
  readonly #cancel: Statement;
  readonly #due: Statement;

  constructor(
    db: Connection,
    private readonly events: EventAppender,
  ) {
    this.#save = db.prepare<unknown[]>(
      'INSERT INTO flotilla_timers (id, due, event) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
    );
    this.#cancel = db.prepare<unknown[]>('DELETE FROM flotilla_timers WHERE id = ?');
    this.#due = db.prepare<unknown[]>(
      'SELECT id, due, event FROM flotilla_timers WHERE due <= ? ORDER BY due, id LIMIT +?',
    );
  }

  schedule({ id, dueAt, event }: Timer): void {
    this.scheduled += this.#save.run(id, dueAt, JSON.stringify(event)).changes;
  }

  cancel(id: string): boolean {
    return this.#cancel.run(id).changes === 1;
  }

  /** Appends the events of due timers, dated to when they were due, and deletes the timers. */
  fire(now: number, limit: number): number {
    const rows = this.#due.all(now, limit) as { id: string; due: number; event: string }[];
    for (const { id, due, event } of rows) {
      const kept = JSON.parse(event) as UnsequencedEvent;
      this.events.append(kept.subject, 'any', [{ ...kept, time: new Date(due).toISOString() }]);
      this.#cancel.run(id);
    }
    return rows.length;
  }
}
