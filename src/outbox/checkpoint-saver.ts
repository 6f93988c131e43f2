import { messageOf } from '../errors.js';
import { failpoint } from '../failpoints.js';
import type { Store } from '../store/store.js';
import { FaultLog } from '../telemetry/fault-log.js';
import type { Logger } from '../telemetry/logger.js';
import type { DeferredEvents } from './deferred/deferred-events.js';
import { saveDeferred } from './deferred/deferred-rows.js';
import type { LeaseHolder } from '../store/leases/lease-holder.js';

export interface CheckpointSaverOptions {
  store: Store;
  lease: LeaseHolder;
  /** Number of confirmed events at which they are saved without the usual delay. */
  batchSize: number;
  logger: Logger;
  deferred: DeferredEvents;
  /** Called after every attempt to save. */
  onSaved: () => void;
}

/** Milliseconds between a confirm and the commit of the checkpoint, so that many confirms share one commit.
 *  Confirmed events beyond the checkpoint are published again after a crash. */
const SAVE_DELAY_MS = 50;
/** Milliseconds between two saves while events are confirmed continuously: at a low rate, each event would otherwise
 *  have a commit for its checkpoint. */
const SAVE_INTERVAL_MS = 500;
const RETRY_DELAY_MS = 1_000;

/** Moves the checkpoint past confirmed and deferred events, in the background and one move at a time, after saving
 *  the deferred ones. Loses the lease when the move is refused: another process has taken over. */
export class CheckpointSaver {
  /** When to save, on the clock of `performance.now()`; Infinity if nothing has changed. */
  dueAt = Infinity;
  #saved: number;
  #passed: number;
  readonly #fault: FaultLog;
  #savedAt = -Infinity;
  #saving: Promise<void> | undefined;

  constructor(
    checkpoint: number,
    private readonly options: CheckpointSaverOptions,
  ) {
    this.#saved = checkpoint;
    this.#passed = checkpoint;
    this.#fault = new FaultLog(options.logger);
  }

  /** Records that all events up to this position are confirmed or deferred. Returns true if this scheduled a save. */
  advance(passed: number): boolean {
    this.#passed = passed;
    if (this.dueAt !== Infinity) return false;
    this.dueAt = this.#nextSave();
    return true;
  }

  saveWhenDue(): void {
    const much = !this.#fault.isOpen && this.#passed - this.#saved >= this.options.batchSize;
    if (much || performance.now() >= this.dueAt) this.save();
  }

  save(): void {
    if (!this.#pending) return;
    this.#saving ??= this.#move().finally(() => {
      this.#saving = undefined;
    });
  }

  #nextSave(): number {
    return Math.max(performance.now() + SAVE_DELAY_MS, this.#savedAt + SAVE_INTERVAL_MS);
  }

  get #pending(): boolean {
    return this.#passed !== this.#saved || this.options.deferred.hasChanges;
  }

  /** Resolves when no move is in progress. */
  async settled(): Promise<void> {
    await this.#saving;
  }

  async #move(): Promise<void> {
    const { store, lease, deferred, onSaved } = this.options;
    const to = this.#passed;
    const changes = deferred.takeChanges();
    failpoint('relay.confirmed');
    try {
      await saveDeferred(store, changes);
      if (to !== this.#saved) {
        if (await store.moveLeasedCheckpoint(lease.lease, this.#saved, to)) this.#saved = to;
        else lease.lose();
      }
      this.#fault.recovered('relay: the checkpoint is saved again');
      this.#savedAt = performance.now();
      this.dueAt = this.#pending ? this.#nextSave() : Infinity;
    } catch (error) {
      deferred.restoreChanges(changes);
      this.#fault.failed('relay: the checkpoint could not be saved; retrying', { error: messageOf(error) });
      this.dueAt = performance.now() + RETRY_DELAY_MS;
    }
    onSaved();
  }
}
