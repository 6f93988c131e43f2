import { setImmediate, setTimeout } from 'node:timers/promises';
import type { CommitHealth } from './commit-health.js';
import type { Statement } from '../connection.js';
import { isBusy } from '../sqlite-errors.js';
import type { Writer } from './writer.js';

/** Between two transactions while another process writes too, so that it gets the lock. */
const CONTENDED_GAP_MS = 1;
/** For how long after the last sign of another writer the gap is kept. */
const CONTENDED_FOR_MS = 1_000;

/**
 * The write lock of the file, for which other processes compete. `BEGIN IMMEDIATE` returns at once; a process that is
 * refused retries after a random delay, without blocking the event loop.
 *
 * A gap between transactions keeps the shares of several writers even, but costs a lone one a millisecond each. So it is
 * kept only where others have shown themselves: this process was refused, or somebody else has committed since its
 * last transaction. A writer that never rests cannot lock out one it does not know of: between its transactions the
 * event loop turns, and the first transaction that gets in there is a sign that makes it rest.
 */
export class WriteLock {
  #contendedUntil = 0;
  #othersVersion: unknown;
  readonly #dataVersion: Statement;

  constructor(
    private readonly writer: Writer,
    private readonly timeout: number,
    private readonly health: CommitHealth,
    private readonly onOthersCommit: () => void,
  ) {
    this.#dataVersion = writer.db.prepare<unknown[]>('PRAGMA data_version').pluck();
    this.#othersVersion = this.#dataVersion.get();
  }

  /** Resolves with the transaction open. Rejects with SQLITE_BUSY after the time-out, with whatever else at once. */
  async take(): Promise<void> {
    const deadline = performance.now() + this.timeout;
    for (let wait = 1; ; wait = Math.min(wait * 1.5, 8)) {
      try {
        this.writer.begin();
        break;
      } catch (error) {
        this.#contendedUntil = performance.now() + CONTENDED_FOR_MS;
        if (isBusy(error)) this.health.lockRefused();
        if (!isBusy(error) || performance.now() > deadline) throw error;
      }
      await setTimeout(0.5 + Math.random() * wait);
    }
    this.health.lockTaken();
    this.noticeOthers();
  }

  /** Turns the event loop, and lets other processes take the lock. */
  async rest(): Promise<void> {
    await (performance.now() < this.#contendedUntil ? setTimeout(CONTENDED_GAP_MS) : setImmediate());
  }

  /** Checks whether another process has committed since the last check. */
  noticeOthers(): void {
    const version = this.#dataVersion.get();
    if (version === this.#othersVersion) return;
    this.#contendedUntil = performance.now() + CONTENDED_FOR_MS;
    this.onOthersCommit();
    // last: a notification that has failed is repeated at the next check
    this.#othersVersion = version;
  }
}
