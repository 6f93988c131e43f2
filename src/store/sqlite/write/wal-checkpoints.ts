import { messageOf } from '../../../errors.js';
import { codeOf } from '../sqlite-errors.js';
import { FaultLog } from '../../../telemetry/fault-log.js';
import type { Logger } from '../../../telemetry/logger.js';
import type { CheckpointThread } from './checkpoint-thread.js';

/** Pages in the log that are not yet in the database, at which a checkpoint begins; as in SQLite. */
const PAGES = 1_000;
/** Pages in the log at which transactions wait for a checkpoint: a log that grows during each checkpoint never starts
 *  again at its beginning. 40 MB. */
const FULL_PAGES = 10_000;
/** Pages in the log at which a COMMIT runs the checkpoint itself, as SQLite does: if the thread cannot, or other
 *  processes fill the log. */
export const LAST_RESORT_PAGES = 40_000;
/** Milliseconds between two looks at the size of the log, and to the next checkpoint after one that failed. */
const CHECK_INTERVAL_MS = 20;
const RETRY_AFTER_MS = 1_000;
/** Milliseconds since the last checkpoint after which the next one does not use the thread: in a process that writes
 *  little, a short block of the event loop costs less than the 17 MB of a thread. */
const RARE_AFTER_MS = 10_000;

export interface WalCheckpointsOptions {
  /** Returns the pages in the log, and how many of them are in the database; undefined if the file is locked. */
  pages: () => { log: number; checkpointed: number } | undefined;
  /** Runs a checkpoint in this thread. Throws if it fails. */
  checkpoint: () => void;
  thread: Pick<CheckpointThread, 'checkpoint' | 'close'>;
  /** Called when a sync failed, which is final. */
  onSyncFailed: (code: string) => void;
  logger: Logger;
  now?: () => number;
}

/** Decides when the write-ahead log is copied to the database. */
export class WalCheckpoints {
  #running: Promise<void> | undefined;
  #nextCheck = -Infinity;
  #last = -Infinity;
  #isFull = false;
  readonly #fault: FaultLog;
  readonly #now: () => number;

  constructor(private readonly options: WalCheckpointsOptions) {
    this.#now = options.now ?? (() => performance.now());
    this.#fault = new FaultLog(options.logger, 'warn', this.#now);
  }

  /** Called after a commit, outside a transaction. */
  committed(): void {
    const now = this.#now();
    if (now < this.#nextCheck) return;
    this.#nextCheck = now + CHECK_INTERVAL_MS;
    const { log = 0, checkpointed = 0 } = this.options.pages() ?? {};
    this.#isFull = log >= FULL_PAGES;
    if (log - checkpointed < PAGES || this.#running !== undefined) return;
    const isRare = now - this.#last > RARE_AFTER_MS;
    this.#last = now;
    if (isRare) this.#runHere();
    else void this.#run();
  }

  /** Resolves when the next transaction may begin; undefined if it may now. */
  room(): Promise<void> | undefined {
    return this.#isFull ? this.#copyAll() : undefined;
  }

  async close(): Promise<void> {
    await this.#running;
    await this.options.thread.close();
  }

  async #copyAll(): Promise<void> {
    await this.#running; // leaves the pages of commits since it began
    await this.#run();
    this.#isFull = false;
  }

  #run(): Promise<void> {
    this.#running ??= this.#runInThread().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  #runHere(): void {
    void this.options.thread.close();
    try {
      this.options.checkpoint();
      this.#ended(undefined);
    } catch (error) {
      this.#ended(codeOf(error));
    }
  }

  /** Never rejects. */
  async #runInThread(): Promise<void> {
    this.#ended(await this.options.thread.checkpoint().catch(messageOf));
  }

  /** Records how a checkpoint ended. */
  #ended(failure: string | undefined): void {
    if (failure?.includes('FSYNC') === true) this.options.onSyncFailed(failure);
    if (failure === undefined) {
      this.#fault.recovered('store: checkpoints succeed again');
      return;
    }
    this.#nextCheck = this.#now() + RETRY_AFTER_MS;
    this.#fault.failed('store: a checkpoint failed; the write-ahead log grows', { error: failure });
  }
}
