import { hasCode, messageOf } from '../errors.js';
import { Backoff } from '../concurrency/backoff.js';
import { Wakeup } from '../concurrency/wakeup.js';
import { runAsLeader } from '../store/leases/leader-loop.js';
import { sleep } from '../concurrency/sleep.js';
import type { Store } from '../store/contract.js';
import { isStoreGone } from '../store/is-gone.js';
import type { Logger } from '../telemetry/logger.js';
import type { Metrics } from '../telemetry/metrics.js';
import { LiveModel, type Turn } from './live-model.js';
import { isPassing } from './poison.js';
import type { ProjectionDefinition } from './projection.js';
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
  readonly #wakeup = new Wakeup();
  readonly #backoff = new Backoff(50, 5_000);
  readonly #logger: Logger;
  #waiting: string | undefined;
  #observedAt = -Infinity;

  constructor(
    private readonly projection: ProjectionDefinition,
    private readonly options: RunnerOptions,
  ) {
    const { name, version } = projection;
    this.seen = { name, status: 'running', position: 0, behind: 0, generation: 0, version, stop: undefined };
    this.#logger = options.logger.child({ projection: name });
    this.#model = new LiveModel(options.store, projection, options.now);
  }

  /** Resolves when the signal aborts, or the store is closed. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { store, instance, leaseTtl: ttl = 5_000 } = this.options;
    const wake = () => {
      this.#wakeup.notify();
    };
    const unwatch = store.onAppend(wake);
    signal.addEventListener('abort', wake, { once: true });
    const onStandby = () => this.#observe();
    const name = `projection:${this.projection.name}`;
    const leader = { store, name, holder: instance, ttl, logger: this.#logger, onStandby, signal };
    await runAsLeader(leader, async (lease, leading) => {
      await this.#observe();
      while (!leading.aborted && lease.check()) await this.#turn(leading);
    });
    signal.removeEventListener('abort', wake);
    unwatch();
  }

  async #turn(signal: AbortSignal): Promise<void> {
    try {
      const turn = await this.#model.turn();
      this.#backoff.reset();
      this.#tell(turn);
      if (turn.kind === 'waiting') {
        await this.#observe();
        await sleep(WAITING, signal);
      } else if (turn.step.poison !== undefined) {
        await this.#observe();
      } else if (turn.step.handled === 0 && turn.step.passedOver.length === 0) {
        const moved = turn.step.position !== this.seen.position;
        await this.#observe();
        if (moved) await sleep(MOVE_AFTER, signal);
        await this.#wakeup.wait(IDLE);
      } else if (performance.now() - this.#observedAt > IDLE) {
        await this.#observe();
      }
    } catch (error) {
      if (!isPassing(error) || isStoreGone(error)) throw error;
      // another process was quicker, which is as it should be, or the store is in trouble
      const level = hasCode(error, 'projection.conflict') ? 'debug' : 'warn';
      this.#logger[level]('projection: a batch was undone', { error: messageOf(error) });
      await this.#observe();
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

  async #observe(): Promise<void> {
    const { store, metrics } = this.options;
    this.#observedAt = performance.now();
    this.seen = await stateOfProjection(store, this.projection);
    const { name, behind, position, status } = this.seen;
    metrics?.projectionLag.set({ projection: name }, behind);
    metrics?.projectionCheckpoint.set({ projection: name }, position);
    metrics?.projectionStopped.set({ projection: name }, status === 'stopped' || status === 'outdated' ? 1 : 0);
  }
}
