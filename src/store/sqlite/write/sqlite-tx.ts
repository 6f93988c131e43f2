import { FlotillaError } from '../../../errors.js';
import type { UnsequencedEvent } from '../../../events/envelope.js';
import type { AppendResult, ExpectedVersion, InboxKey, Snapshot, SqlValue, Timer, Tx } from '../../store.js';
import type { StoredEvent } from '../../stored-event.js';
import { storeError } from '../sqlite-errors.js';
import type { Writer } from './writer.js';

/** One unit's view of a shared transaction. Every method does its work before it returns, so that a unit which
 *  awaits only these methods completes within one turn of the event loop. The savepoint is created with the first
 *  write. */
export class SqliteTx implements Tx {
  /** Whether a savepoint exists, to be released or rolled back to. */
  guarded = false;
  /** The reason why the transaction was lost, if it was. */
  failure: unknown;
  #revoked = false;

  constructor(private readonly writer: Writer) {}

  /** Ends the unit: later calls fail with `store.revoked`. */
  revoke(): void {
    this.#revoked = true;
  }

  sql = <Row extends object = Record<string, SqlValue>>(
    text: TemplateStringsArray,
    ...values: SqlValue[]
  ): Promise<Row[]> =>
    this.#do(() => {
      const statement = this.writer.sql.prepare(text);
      if (!statement.readonly) this.#guard();
      return this.writer.sql.run<Row>(statement, values);
    });

  append(stream: string, expected: ExpectedVersion, events: readonly UnsequencedEvent[]): Promise<AppendResult> {
    return this.#write(() => this.writer.events.append(stream, expected, events));
  }

  read(stream: string, after = 0, limit = -1): Promise<StoredEvent[]> {
    return this.#do(() => this.writer.history.stream(stream, after, limit)); // a negative limit means no limit
  }

  event(id: string): Promise<StoredEvent | undefined> {
    return this.#do(() => this.writer.history.event(id));
  }

  snapshot(stream: string): Promise<Snapshot | undefined> {
    return this.#do(() => this.writer.snapshots.of(stream));
  }

  saveSnapshot(stream: string, snapshot: Snapshot): Promise<void> {
    return this.#write(() => {
      this.writer.keeper.save(stream, snapshot);
    });
  }

  checkpoint(name: string): Promise<number> {
    return this.#do(() => this.writer.checkpoints.position(name));
  }

  markHandled(key: InboxKey): Promise<boolean> {
    return this.#write(() => this.writer.inbox.markHandled(key));
  }

  forgetHandled(consumer: string): Promise<number> {
    return this.#write(() => this.writer.inbox.forget(consumer));
  }

  schedule(timer: Timer): Promise<void> {
    return this.#write(() => {
      this.writer.timers.schedule(timer);
    });
  }

  cancelTimer(id: string): Promise<boolean> {
    return this.#write(() => this.writer.timers.cancel(id));
  }

  moveCheckpoint(name: string, from: number, to: number): Promise<boolean> {
    return this.#write(() => this.writer.checkpoints.move(name, from, to));
  }

  notify(topic: string): Promise<void> {
    return this.#write(() => {
      this.writer.notify(topic);
    });
  }

  #write<T>(step: () => T): Promise<T> {
    return this.#do(() => {
      this.#guard();
      return step();
    });
  }

  #do<T>(step: () => T): Promise<T> {
    try {
      if (this.#revoked) throw new FlotillaError('store.revoked');
      if (!this.writer.open) throw new FlotillaError('store.group_aborted', undefined, { cause: this.failure });
      return Promise.resolve(step());
    } catch (error) {
      const known = storeError(error);
      if (!this.#revoked && !this.writer.open) this.failure ??= known;
      return Promise.reject(known);
    }
  }

  #guard(): void {
    if (this.guarded) return;
    this.writer.savepoint();
    this.guarded = true;
  }
}
