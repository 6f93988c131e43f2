import type { Connection, Statement } from '../connection.js';

/** Reads committed data other than events. */
export class StateReader {
  readonly #checkpoint: Statement;
  readonly #nextTimer: Statement;
  readonly #timers: Statement;

  constructor(db: Connection) {
    const value = (text: string) => db.prepare<unknown[]>(text).pluck();
    this.#checkpoint = value('SELECT position FROM flotilla_checkpoints WHERE name = ?');
    this.#nextTimer = value('SELECT MIN(due) FROM flotilla_timers');
    this.#timers = value('SELECT COUNT(*) FROM flotilla_timers');
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
