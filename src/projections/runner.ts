import { hasCode, messageOf } from '../errors.js';
import { Backoff } from '../concurrency/backoff.js';
import { Wakeup } from '../concurrency/wakeup.js';
import { LeaseHolder } from '../store/leases/lease-holder.js';
import { sleep } from '../concurrency/sleep.js';
import type { Store } from '../store/contract.js';
import { isStoreGone } from '../store/is-gone.js';
import type { Logger } from '../telemetry/logger.js';
import type { Metrics } from '../telemetry/metrics.js';
import { LiveModel, type Turn } from './live-model.js';
import { isPassing } from './poison.js';
import type { Projection } from './projection.js';
import { stateOfProjection, type ProjectionState } from './status.js';

export interface RunnerOptions {
  store: Store;
  instance: string;
  logger: Logger;
  metrics?: Metrics | undefined;
  leaseTtl?: number | undefined;
  now: () => number;
}

/** Milliseconds between two looks while there is nothing to do, or while a model is held, stopped or outdated. */
const IDLE = 1_000;
const WAITING = 100;
/** Milliseconds to rest after a commit that moved nothing but the checkpoint, so that events which are for others are
 *  passed over with few commits, not with one each. */
const MOVE_AFTER = 50;

/** Keeps one read model up to date, whenever it is this process's turn. */
export class ProjectionRunner {
  /** The last that was seen of the model. */
  seen: ProjectionState;
  readonly #model: LiveModel;
  readonly #bell = new Wakeup();
  readonly #backoff = new Backoff(50, 5_000);
  readonly #ttl: number;
  readonly #logger: Logger;
  #waiting: string | undefined;
  #lookedAt = -Infinity;

  constructor(
    private readonly projection: Projection,
    private readonly options: RunnerOptions,
  ) {
    const { name, version } = projection.definition;
    this.seen = { name, status: 'running', position: 0, behind: 0, generation: 0, version, stop: undefined };
    this.#ttl = options.leaseTtl ?? 5_000;
    this.#logger = options.logger.child({ projection: name });
    this.#model = new LiveModel(options.store, projection, options.now);
  }

  /** Resolves when the signal aborts, or the store is closed. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { store } = this.options;
    const ring = () => {
      this.#bell.notify();
    };
    const unwatch = store.onAppend(ring);
    signal.addEventListener('abort', ring, { once: true });
    while (!signal.aborted) {
      try {
        await this.#look();
        if (!(await this.#term(signal))) await sleep(this.#ttl / 5, signal);
      } catch (error) {
        if (isStoreGone(error)) break;
        this.#logger.warn('projection: did not get on, trying again', { error: messageOf(error) });
        await sleep(this.#backoff.next(), signal);
      }
    }
    signal.removeEventListener('abort', ring);
    unwatch();
  }

  /** False when it is another process's turn; true after a turn of this one. */
  async #term(signal: AbortSignal): Promise<boolean> {
    const { store, instance } = this.options;
    const name = `projection:${this.projection.name}`;
    const held = await LeaseHolder.acquire(store, { name, holder: instance, ttl: this.#ttl, logger: this.#logger });
    if (held === undefined) return false;
    try {
      while (!signal.aborted && held.check()) await this.#turn(signal);
      return true;
    } finally {
      await held.release().catch((error: unknown) => {
        // it ends by itself
        if (isStoreGone(error)) return;
        this.#logger.warn('projection: the lease could not be released', { error: messageOf(error) });
      });
    }
  }

  async #turn(signal: AbortSignal): Promise<void> {
    try {
      const turn = await this.#model.turn();
      this.#backoff.reset();
      this.#tell(turn);
      if (turn.kind === 'waiting') {
        await this.#look();
        await sleep(WAITING, signal);
      } else if (turn.step.poison !== undefined) {
        await this.#look();
      } else if (turn.step.handled === 0 && turn.step.passedOver.length === 0) {
        const moved = turn.step.position !== this.seen.position;
        await this.#look();
        if (moved) await sleep(MOVE_AFTER, signal);
        await this.#bell.wait(IDLE);
      } else if (performance.now() - this.#lookedAt > IDLE) {
        await this.#look();
      }
    } catch (error) {
      if (!isPassing(error) || isStoreGone(error)) throw error;
      // another process was quicker, which is as it should be, or the store is in trouble
      const level = hasCode(error, 'projection.conflict') ? 'debug' : 'warn';
      this.#logger[level]('projection: a batch was undone', { error: messageOf(error) });
      await this.#look();
      await sleep(this.#backoff.next(), signal);
    }
  }

  #tell(turn: Turn): void {
    const waiting = turn.kind === 'waiting' ? turn.because : undefined;
    if (waiting === 'outdated' && this.#waiting !== waiting) {
      this.#logger.error('projection: made by another version, nothing is added to it until it is rebuilt');
    }
    this.#waiting = waiting;
    if (turn.kind === 'waiting') return;
    const { poison, passedOver } = turn.step;
    for (const { eventId, code } of passedOver) this.#logger.warn('projection: passed over', { event: eventId, code });
    if (poison === undefined) return;
    const { position, eventId, type, code, message } = poison;
    this.#logger.error('projection: stopped at an event', { position, event: eventId, type, code, error: message });
  }

  async #look(): Promise<void> {
    const { store, metrics } = this.options;
    this.#lookedAt = performance.now();
    this.seen = await stateOfProjection(store, this.projection.definition);
    const { name, behind, position, status } = this.seen;
    metrics?.projectionLag.set({ projection: name }, behind);
    metrics?.projectionCheckpoint.set({ projection: name }, position);
    metrics?.projectionStopped.set({ projection: name }, status === 'stopped' || status === 'outdated' ? 1 : 0);
  }
}
