import type { UnsequencedEvent } from '../events/envelope.js';
import type { ExpectedVersion, InboxKey, Snapshot, Sql, Timer, Tx } from '../store/store.js';

/** A transaction that checks the type of each event which it appends or schedules. */
export class DeclaredTx implements Tx {
  readonly sql: Sql;

  constructor(
    private readonly tx: Tx,
    /** Throws for an undeclared type. */
    private readonly check: (type: string) => void,
  ) {
    this.sql = tx.sql;
  }

  async append(stream: string, expected: ExpectedVersion, events: readonly UnsequencedEvent[]) {
    for (const { type } of events) this.check(type);
    return this.tx.append(stream, expected, events);
  }

  async schedule(timer: Timer) {
    this.check(timer.event.type);
    return this.tx.schedule(timer);
  }

  read(stream: string, after?: number, limit?: number) {
    return this.tx.read(stream, after, limit);
  }

  event(id: string) {
    return this.tx.event(id);
  }

  snapshot(stream: string) {
    return this.tx.snapshot(stream);
  }

  saveSnapshot(stream: string, snapshot: Snapshot) {
    return this.tx.saveSnapshot(stream, snapshot);
  }

  checkpoint(name: string) {
    return this.tx.checkpoint(name);
  }

  markHandled(key: InboxKey) {
    return this.tx.markHandled(key);
  }

  forgetHandled(consumer: string) {
    return this.tx.forgetHandled(consumer);
  }

  cancelTimer(id: string) {
    return this.tx.cancelTimer(id);
  }

  moveCheckpoint(name: string, from: number, to: number) {
    return this.tx.moveCheckpoint(name, from, to);
  }

  notify(topic: string) {
    return this.tx.notify(topic);
  }
}
