import { SerialQueue } from '../../concurrency/serial-queue.js';
import type { ChangeOptions, Tx } from '../store.js';
import { storeError } from '../sqlite/sqlite-errors.js';
import {
  fail,
  perform,
  performStep,
  performWork,
  refusalOf,
  type UnitOutcome,
  type WriteUnit,
} from '../sqlite/write/write-unit.js';
import { Watchdog } from '../sqlite/write/watchdog.js';
import type { Writer } from '../sqlite/write/writer.js';
import type { StoredEvent } from '../stored-event.js';

/** The result of a commit. */
export interface Committed {
  /** New events, in the order of positions. */
  events: readonly StoredEvent[];
  /** When the next timer is due, in milliseconds since the epoch. */
  nextTimer: number | undefined;
}

export interface MemoryCommitterOptions {
  maxWaiting: number;
  nextTimer: () => number | undefined;
  onCommit: (committed: Committed) => void;
}

/** Runs one transaction at a time on the only connection. Reads wait until the transaction has ended, so that they
 *  see committed data only. */
export class MemoryCommitter {
  waiting = 0;
  readonly #queue = new SerialQueue();
  #closed = false;
  readonly #watchdog = new Watchdog();

  constructor(
    private readonly writer: Writer,
    private readonly options: MemoryCommitterOptions,
  ) {}

  submit<T>(step: () => T, { single, ...options }: { single: boolean } & ChangeOptions): Promise<T> {
    return this.#enqueue<T>(performStep(step, single), options);
  }

  run<T>(work: (tx: Tx) => Promise<T>, options: ChangeOptions = {}): Promise<T> {
    return this.#enqueue<T>(performWork(work), options);
  }

  /** Runs a step that reads committed data. */
  read<T>(step: () => T): Promise<T> {
    if (this.writer.open) return this.#queue.settled().then(() => this.read(step));
    try {
      return Promise.resolve(step());
    } catch (error) {
      return Promise.reject(storeError(error));
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#queue.settled();
  }

  #enqueue<T>(perform: WriteUnit['perform'], { change, after }: ChangeOptions): Promise<T> {
    const { maxWaiting } = this.options;
    const refusal = refusalOf({ isClosed: this.#closed, waiting: this.waiting, maxWaiting });
    if (refusal !== undefined) {
      change?.settle(false);
      return Promise.reject(refusal);
    }
    this.waiting += 1;
    return new Promise<T>((resolve, reject) => {
      void this.#queue.run(() => this.#commit({ perform, durable: false, change, after, resolve, reject }));
    });
  }

  /** Never rejects. */
  async #commit(unit: WriteUnit): Promise<void> {
    this.waiting -= 1;
    try {
      const outcome = await this.#perform(unit);
      this.writer.commit();
      this.options.onCommit(this.#committed());
      if (!outcome.done) {
        fail(unit, outcome.error);
        return;
      }
      unit.change?.settle(true);
      unit.resolve(outcome.value);
    } catch (error) {
      this.writer.rollback();
      fail(unit, storeError(error));
    }
  }

  async #perform(unit: WriteUnit): Promise<UnitOutcome> {
    this.writer.begin();
    const performed = perform(unit, this.writer, this.#watchdog);
    if (!(performed instanceof Promise)) return performed;
    this.#watchdog.start();
    try {
      return await performed;
    } finally {
      this.#watchdog.stop();
    }
  }

  #committed(): Committed {
    const { events, history } = this.writer;
    const { appended } = events;
    return {
      events: appended === 0 ? [] : history.all(history.head() - appended, appended, {}),
      nextTimer: this.options.nextTimer(),
    };
  }
}
