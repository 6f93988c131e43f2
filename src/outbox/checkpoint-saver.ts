import { messageOf } from '../errors.js';
import { failpoint } from '../failpoints.js';
import type { Store } from '../store/store.js';
import type { Logger } from '../telemetry/logger.js';
import type { DeferredEvents } from './deferred/deferred-events.js';
import { saveDeferred } from './deferred/deferred-rows.js';
import type { LeaseHolder } from '../store/leases/lease-holder.js';

export interface CheckpointSaverOptions {
  store: Store;
  lease: LeaseHolder;
  /** So many confirmed events are saved at once, however fresh they are. */
  portion: number;
  logger: Logger;
  deferred: DeferredEvents;
  /** Called after every attempt to save. */
  onSaved: () => void;
}

/** Milliseconds between a confirm and the commit of the checkpoint, so that many share one. What is confirmed but not
 *  yet behind the checkpoint is published again after a crash. */
const SAVE_DELAY_MS = 50;
const RETRY_DELAY_MS = 1_000;

/** Moves the checkpoint behind confirmed and deferred events, in the background and one move at a time, after saving the
 *  deferred ones. Loses the lease when the move is refused: another process has taken over. */
export class CheckpointSaver {
  /** When there is something to save, as `performance.now()` has it. */
  dueAt = Infinity;
  #saved: number;
  #passed: number;
  #failed = false;
  #saving: Promise<void> | undefined;

  constructor(
    checkpoint: number,
    private readonly options: CheckpointSaverOptions,
  ) {
    this.#saved = checkpoint;
    this.#passed = checkpoint;
  }

  /** Everything up to this position is confirmed or deferred. True when that sets a time to save which there was not
   *  before. */
  advance(passed: number): boolean {
    this.#passed = passed;
    if (this.dueAt !== Infinity) return false;
    this.dueAt = performance.now() + SAVE_DELAY_MS;
    return true;
  }

  saveWhenDue(): void {
    const much = !this.#failed && this.#passed - this.#saved >= this.options.portion;
    if (much || performance.now() >= this.dueAt) this.save();
  }

  save(): void {
    if (!this.#pending) return;
    this.#saving ??= this.#move().finally(() => {
      this.#saving = undefined;
    });
  }

  get #pending(): boolean {
    return this.#passed !== this.#saved || this.options.deferred.hasChanges;
  }

  /** Resolves when no move is under way. */
  async settled(): Promise<void> {
    await this.#saving;
  }

  async #move(): Promise<void> {
    const { store, lease, logger, deferred, onSaved } = this.options;
    const to = this.#passed;
    const changes = deferred.takeChanges();
    failpoint('relay.confirmed');
    try {
      await saveDeferred(store, changes);
      if (to !== this.#saved) {
        if (await store.moveLeasedCheckpoint(lease.lease, this.#saved, to)) this.#saved = to;
        else lease.lose();
      }
      this.#failed = false;
      this.dueAt = this.#pending ? performance.now() + SAVE_DELAY_MS : Infinity;
    } catch (error) {
      deferred.restoreChanges(changes);
      logger.warn('relay: the checkpoint could not be saved; retrying', { error: messageOf(error) });
      this.#failed = true;
      this.dueAt = performance.now() + RETRY_DELAY_MS;
    }
    onSaved();
  }
}
