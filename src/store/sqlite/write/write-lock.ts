import { setImmediate, setTimeout } from 'node:timers/promises';
import type { CommitHealth } from './commit-health.js';
import type { Statement } from '../connection.js';
import { isBusy } from '../sqlite-errors.js';
import type { Writer } from './writer.js';

/** Between two transactions while another process writes too, in milliseconds: the others get their turn. */
const GAP = 1;
/** For how long after the last sign of another writer the gap is kept, in milliseconds. */
const CONTENDED = 1_000;

/**
 * The write lock of the file, which other processes want as well. `BEGIN IMMEDIATE` answers at once; whoever is refused
 * comes again after a random while, without stopping the event loop.
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
        this.#contendedUntil = performance.now() + CONTENDED;
        if (isBusy(error)) this.health.lockRefused();
        if (!isBusy(error) || performance.now() > deadline) throw error;
      }
      await setTimeout(0.5 + Math.random() * wait);
    }
    this.health.lockTaken();
    this.noticeOthers();
  }

  /** Lets the event loop turn, and other processes in. */
  async rest(): Promise<void> {
    await (performance.now() < this.#contendedUntil ? setTimeout(GAP) : setImmediate());
  }

  /** Looks whether another process has committed since the last look. */
  noticeOthers(): void {
    const version = this.#dataVersion.get();
    if (version === this.#othersVersion) return;
    this.#contendedUntil = performance.now() + CONTENDED;
    this.onOthersCommit();
    // last: what could not be told is told at the next look
    this.#othersVersion = version;
  }
}
