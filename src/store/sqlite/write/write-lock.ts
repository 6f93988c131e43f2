import { setImmediate, setTimeout } from 'node:timers/promises';
import type { CommitHealth } from './commit-health.js';
import type { Statement } from '../connection.js';
import { isBusy } from '../sqlite-errors.js';
import type { Writer } from './writer.js';

/** Milliseconds between two transactions while another process writes too, so that it gets the lock. */
const CONTENDED_GAP_MS = 1;
/** How long the gap is kept after the last sign of another writer. */
const CONTENDED_FOR_MS = 1_000;

/**
 * The write lock of the file, for which other processes compete. `BEGIN IMMEDIATE` returns immediately; a process that
 * is refused retries after a random delay, without blocking the event loop.
 *
 * A gap between transactions balances several writers, but costs a single writer a millisecond per transaction. It is
 * therefore kept only after a sign of another writer: this process was refused, or another process has committed since
 * its last transaction. A continuous writer cannot lock out an undetected one: the event loop turns between its
 * transactions, and the first foreign transaction in between is such a sign.
 */
export class WriteLock {
  #contendedUntil = 0;
  #releasedAt = -Infinity;
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

  /** Resolves with the transaction open. Rejects with SQLITE_BUSY after the time-out, with any other error
   *  immediately. */
  async take(): Promise<void> {
    const deadline = performance.now() + this.timeout;
    const gap = this.#releasedAt + CONTENDED_GAP_MS - performance.now();
    if (gap > 0 && this.#isContended) await setTimeout(gap);
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

  /** Records the end of a transaction after which no other one waits. */
  released(): void {
    this.#releasedAt = performance.now();
  }

  /** Yields to the event loop between two transactions, and lets other processes take the lock. */
  async rest(): Promise<void> {
    await (this.#isContended ? setTimeout(CONTENDED_GAP_MS) : setImmediate());
  }

  get #isContended(): boolean {
    return performance.now() < this.#contendedUntil;
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
