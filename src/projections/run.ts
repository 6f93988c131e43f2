import { Backoff } from '../concurrency/backoff.js';
import { sleep } from '../concurrency/sleep.js';
import { FlotillaError, hasCode, messageOf } from '../errors.js';
import { AppendWakeup } from '../store/append-wakeup.js';
import { isStoreGone } from '../store/is-gone.js';
import { runAsLeader } from '../store/leases/leader-loop.js';
import type { Store } from '../store/store.js';
import { FaultLog } from '../telemetry/fault-log.js';
import type { Logger } from '../telemetry/logger.js';
import type { Metrics } from '../telemetry/metrics.js';
import type { HandledCounter } from '../traffic/handled-counter.js';
import type { ProjectionDefinition } from './definition.js';
import { LiveModel, type Advance } from './live-model.js';
import { isTransient } from './poison.js';
import { stateOfProjection, type ProjectionState } from './status.js';
import { dropOld } from './tables/generations.js';
import { prepareProjections } from './tables/prepare.js';

export interface RunProjectionsOptions {
  store: Store;
  /** The holder of the lease: a name of this process that no other process has. */
  instance: string;
  logger: Logger;
  metrics?: Metrics | undefined;
  /** Counts the events that the live models handle. @default not counted */
  handledCounter?: Pick<HandledCounter, 'of'> | undefined;
  /** Milliseconds after which another process takes over from a dead one. @default 5000 */
  leaseTtl?: number | undefined;
  /** Milliseconds since the epoch. @default Date.now */
  now?: (() => number) | undefined;
}

/** The part of a running worker that updates read models. */
export interface ProjectionsPart {
  /** The state of each projection, at most one second old. */
  state: () => readonly ProjectionState[];
  /** Resolves when every model contains all events stored at the time of the call, whichever process updated it.
   *  Rejects with `projection.poison` or `projection.outdated` if one is stopped or outdated. */
  caughtUp: () => Promise<void>;
  /** Resolves when all updates have ended; the next process continues at the checkpoints. */
  stop: () => Promise<void>;
}

/** Milliseconds between two reads of a checkpoint by `caughtUp`. */
const POLL_INTERVAL_MS = 5;
/** Poll intervals in milliseconds: without new events, and while a model is frozen, stopped or outdated. */
const IDLE_POLL_INTERVAL_MS = 5_000;
/** Milliseconds between two reports of the lag while a projection catches up. */
const OBSERVE_INTERVAL_MS = 1_000;
const BLOCKED_POLL_INTERVAL_MS = 100;
/** Delay in milliseconds after a commit that moved only the checkpoint: events of other projections are passed over
 *  with few commits instead of one each. */
const MOVE_DELAY_MS = 50;

/** Keeps read models up to date with the events of their store. Safe to run in several processes: a lease decides which
 *  one updates a model, and checkpoints prevent conflicting writes. A model that cannot handle an event stops, without
 *  affecting the others, until an operator skips the event or a process starts that can handle it. Resolves when all
 *  models are prepared. */
export async function runProjections(
  projections: readonly ProjectionDefinition[],
  options: RunProjectionsOptions,
): Promise<ProjectionsPart> {
  const { store } = options;
  await prepareProjections(store, projections, options.now);
  // left by a rebuild that died after its swap
  for (const { name } of projections) await dropOld(store, name);
  const ending = new AbortController();
  const runners = projections.map((projection) => new ProjectionRunner(projection, options));
  const running = runners.map((runner) => runner.run(ending.signal));
  return {
    state: () => runners.map(({ seen }) => seen),
    async caughtUp() {
      const head = await store.head();
      for (const definition of projections) {
        for (;;) {
          const state = await stateOfProjection(store, definition);
          if (state.position >= head) break;
          throwIfStopped(state);
          if (ending.signal.aborted) throw new FlotillaError('store.closed');
          await sleep(POLL_INTERVAL_MS, ending.signal);
        }
      }
    },
    async stop() {
      ending.abort();
      await Promise.all(running);
    },
  };
}

function throwIfStopped({ name, status, stop }: ProjectionState): void {
  if (status === 'outdated') throw new FlotillaError('projection.outdated', name);
  if (stop === undefined) return;
  const { type, position, code, message } = stop;
  throw new FlotillaError('projection.poison', `${name}, ${type} at ${position}: ${code}: ${message}`);
}

/** The name of the lease of the process that updates the projection. */
export function projectionLease(projection: string): string {
  return `projection:${projection}`;
}

/** Keeps one read model up to date while this process holds its lease. */
class ProjectionRunner {
  /** The state of the model as last observed. */
  seen: ProjectionState;
  readonly #model: LiveModel;
  readonly #backoff = new Backoff(50, 5_000);
  readonly #logger: Logger;
  readonly #stops: FaultLog;
  readonly #failures: FaultLog;
  #observedAt = -Infinity;

  constructor(
    private readonly projection: ProjectionDefinition,
    private readonly options: RunProjectionsOptions,
  ) {
    const { name, version } = projection;
    this.seen = { name, status: 'running', position: 0, behind: 0, generation: 0, version, stop: undefined };
    this.#logger = options.logger.child({ projection: name });
    this.#stops = new FaultLog(this.#logger, 'error');
    this.#failures = new FaultLog(this.#logger);
    const { store, handledCounter, now = Date.now } = options;
    this.#model = new LiveModel(store, projection, now, handledCounter?.of(name));
  }

  /** Resolves when the signal aborts, or the store is closed. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { store, instance, leaseTtl: ttl = 5_000 } = this.options;
    const wakeup = new AppendWakeup(store, signal);
    const onStandby = () => this.#observe();
    const name = projectionLease(this.projection.name);
    const leader = { store, name, holder: instance, ttl, logger: this.#logger, onStandby, signal };
    await runAsLeader(leader, async (lease, leading) => {
      await this.#observe();
      while (!leading.aborted && lease.check()) await this.#step(wakeup, leading);
    });
    wakeup.stop();
  }

  async #step(wakeup: AppendWakeup, signal: AbortSignal): Promise<void> {
    try {
      const advance = await this.#model.advance();
      this.#backoff.reset();
      this.#report(advance);
      if (advance.kind === 'waiting') {
        await this.#observe();
        await sleep(BLOCKED_POLL_INTERVAL_MS, signal);
      } else if (advance.step.poison !== undefined) {
        await this.#observe();
      } else if (advance.step.handled === 0 && advance.step.passedOver.length === 0) {
        const moved = advance.step.position !== this.seen.position;
        await this.#observe();
        if (moved) await sleep(MOVE_DELAY_MS, signal);
        await wakeup.wait(IDLE_POLL_INTERVAL_MS);
      } else if (performance.now() - this.#observedAt > OBSERVE_INTERVAL_MS) {
        await this.#observe();
      }
    } catch (error) {
      if (!isTransient(error) || isStoreGone(error)) throw error;
      // another process wrote the model, which is expected, or the store failed
      const message = 'projection: a batch was rolled back';
      if (hasCode(error, 'projection.conflict')) this.#logger.debug(message, { error: messageOf(error) });
      else this.#failures.failed(message, { error: messageOf(error) });
      await this.#observe();
      await sleep(this.#backoff.next(), signal);
    }
  }

  #report(advance: Advance): void {
    if (advance.kind === 'waiting') {
      if (advance.because !== 'outdated') return;
      this.#stops.failed('projection: built by another version; rebuild it to resume updates', {}, advance.because);
      return;
    }
    this.#failures.recovered('projection: batches are committed again');
    const { poison, passedOver } = advance.step;
    for (const { eventId, code } of passedOver)
      this.#logger.warn('projection: skipped an event', { event: eventId, code });
    if (poison === undefined) {
      this.#stops.recovered('projection: updates resumed');
      return;
    }
    const { position, eventId, type, code, message } = poison;
    this.#stops.failed(
      'projection: stopped at an event',
      { position, event: eventId, type, code, error: message },
      eventId,
    );
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
