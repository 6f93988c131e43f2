import { errorOf, FlotillaError } from '../../../errors.js';
import type { Tx } from '../../contract.js';
import { storeError } from '../sqlite-errors.js';
import { SqliteTx } from './sqlite-tx.js';
import type { Watchdog } from './watchdog.js';
import type { Writer } from './writer.js';

/** What became of a unit inside its transaction; it is told once the COMMIT has returned. */
export type Outcome = { done: true; value: unknown } | { done: false; error: unknown };

/** One thing to be done in a transaction that others share. */
export interface Unit {
  /** Settles when its writes are made or undone; synchronously where no caller's code runs. Never throws. */
  perform(writer: Writer, watchdog: Watchdog): Outcome | Promise<Outcome>;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** The store's own writes. `single`: they are one statement, or leave nothing behind when they throw, so that a
 *  savepoint would protect nothing. */
export function performStep(step: () => unknown, single: boolean) {
  return (writer: Writer): Outcome => {
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

/** A caller's work: whatever it does is behind a savepoint, and undone when it throws or awaits what it may not. */
export function performWork(work: (tx: Tx) => Promise<unknown>) {
  return async (writer: Writer, watchdog: Watchdog): Promise<Outcome> => {
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

async function run(work: (tx: Tx) => Promise<unknown>, tx: Tx): Promise<Outcome> {
  try {
    return { done: true, value: await work(tx) };
  } catch (error) {
    return { done: false, error: errorOf(error) };
  }
}

function awaited(): Outcome {
  return { done: false, error: new FlotillaError('store.write_awaited') };
}
