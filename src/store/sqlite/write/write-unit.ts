import { errorOf, FlotillaError } from '../../../errors.js';
import type { PendingChange } from '../../pending-change.js';
import type { Tx } from '../../store.js';
import { storeError } from '../sqlite-errors.js';
import { SqliteTx } from './sqlite-tx.js';
import type { Watchdog } from './watchdog.js';
import type { Writer } from './writer.js';

/** The result of a unit inside its transaction; the caller receives it once its commit is durable. */
export type UnitOutcome = { done: true; value: unknown } | { done: false; error: unknown };

/** The writes of one caller, in a transaction that it shares with others. */
export interface WriteUnit {
  /** Settles when its writes are made or rolled back; synchronously if no caller's code runs. Never throws. */
  perform(writer: Writer, watchdog: Watchdog): UnitOutcome | Promise<UnitOutcome>;
  /** Whether it settles only once its commit is durable. */
  durable: boolean;
  /** Settled when its commit is visible, or it is rolled back. */
  change: PendingChange | undefined;
  /** The change on which it depends. */
  after: PendingChange | undefined;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** Performs a unit, unless the change on which it depends was rolled back. */
export function perform(unit: WriteUnit, writer: Writer, watchdog: Watchdog): UnitOutcome | Promise<UnitOutcome> {
  if (unit.after?.isCommitted !== false) return unit.perform(writer, watchdog);
  return { done: false, error: new FlotillaError('store.predecessor_failed') };
}

/** Why a committer accepts no unit; undefined if it does. */
export function refusalOf(committer: {
  isClosed: boolean;
  waiting: number;
  maxWaiting: number;
}): FlotillaError | undefined {
  if (committer.isClosed) return new FlotillaError('store.closed');
  return committer.waiting >= committer.maxWaiting ? new FlotillaError('store.overloaded') : undefined;
}

/** Rejects a unit whose writes were not made, or were rolled back. */
export function fail(unit: WriteUnit, reason: unknown): void {
  unit.change?.settle(false);
  unit.reject(reason);
}

/** Performs the store's own writes. `single`: they are one statement, or leave nothing behind when they throw, so
 *  that they need no savepoint. */
export function performStep(step: () => unknown, single: boolean) {
  return (writer: Writer): UnitOutcome => {
    try {
      if (!single) writer.savepoint();
      const value = step();
      if (!single) writer.release();
      return { done: true, value };
    } catch (error) {
      if (!single && writer.open) writer.undoToSavepoint();
      return { done: false, error: storeError(error) };
    }
  };
}

/** Performs a caller's work behind a savepoint; rolled back if it throws or awaits anything but its transaction. */
export function performWork(work: (tx: Tx) => Promise<unknown>) {
  return async (writer: Writer, watchdog: Watchdog): Promise<UnitOutcome> => {
    const tx = new SqliteTx(writer);
    const outcome = await watchdog.limit(run(work, tx), awaited);
    tx.revoke();
    if (!writer.open) return { done: false, error: tx.failure ?? new FlotillaError('store.group_aborted') };
    if (!tx.guarded) return outcome;
    if (outcome.done) writer.release();
    else writer.undoToSavepoint();
    return outcome;
  };
}

async function run(work: (tx: Tx) => Promise<unknown>, tx: Tx): Promise<UnitOutcome> {
  try {
    return { done: true, value: await work(tx) };
  } catch (error) {
    return { done: false, error: errorOf(error) };
  }
}

function awaited(): UnitOutcome {
  return { done: false, error: new FlotillaError('store.write_awaited') };
}
