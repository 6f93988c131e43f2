import type { InboxKey } from '../contract.js';
import type { Connection, Statement } from './connection.js';
import { idKey } from './id-values.js';
import { consumerName } from './inbox.js';

/** What is committed besides events. */
export class StateReader {
  readonly #handled: Statement;
  readonly #checkpoint: Statement;
  readonly #nextTimer: Statement;
  readonly #timers: Statement;

  constructor(db: Connection) {
    const value = (text: string) => db.prepare<unknown[]>(text).pluck();
    this.#handled = value(
      'SELECT 1 FROM flotilla_inbox WHERE consumer = (SELECT id FROM flotilla_consumers WHERE name = ?) AND id = ?',
    );
    this.#checkpoint = value('SELECT position FROM flotilla_checkpoints WHERE name = ?');
    this.#nextTimer = value('SELECT MIN(due) FROM flotilla_timers');
    this.#timers = value('SELECT COUNT(*) FROM flotilla_timers');
  }

  handled(key: InboxKey): boolean {
    return this.#handled.get(consumerName(key), idKey(key.id)) !== undefined;
  }

  checkpoint(name: string): number {
    return Number(this.#checkpoint.get(name) ?? 0);
  }

  nextTimer(): number | undefined {
    const due = this.#nextTimer.get();
    return typeof due === 'number' ? due : undefined;
  }

  timers(): number {
    return Number(this.#timers.get());
  }
}
