import { setImmediate, setTimeout } from 'node:timers/promises';
import { sleep } from '../../concurrency/sleep.js';
import { FlotillaError, hasCode, messageOf } from '../../errors.js';
import { failpoint } from '../../failpoints.js';
import type { Store } from '../../store/store.js';
import { isStoreGone } from '../../store/is-gone.js';
import type { LeaseHolder } from '../../store/leases/lease-holder.js';
import type { Logger } from '../../telemetry/logger.js';
import { differenceOf, type TableDifference } from './difference.js';
import { ModelFreeze, type FrozenModel } from './freeze.js';
import { beginBuilding, dropOld, generationsOf, setRole } from '../tables/generations.js';
import { LiveModel } from '../live-model.js';
import { ModelWriter, type Step } from '../model-writer.js';
import { checkpointOf } from '../tables/physical-names.js';
import { isTransient, type PoisonEvent } from '../poison.js';
import type { ProjectionDefinition } from '../definition.js';
import { readState } from '../tables/state.js';
import { discardBuilt, swapGenerations } from './swap.js';

export interface RebuildRunOptions {
  /** A name of this process that no other process has. */
  instance: string;
  /** Aborts the rebuild; the next run resumes it. */
  signal: AbortSignal;
  /** Builds and compares, then deletes the new generation instead of replacing the live model. */
  dryRun?: boolean | undefined;
  /** Deletes the generation of an earlier, interrupted run instead of resuming it. */
  restart?: boolean | undefined;
  /** Called with the progress, in positions of the store. */
  onProgress?: ((done: number, total: number) => void) | undefined;
  now: () => number;
  logger: Logger;
}

export interface Rebuilt {
  projection: string;
  /** Whether it resumed an earlier run. */
  resumed: boolean;
  swapped: boolean;
  /** The versions that built the old and the new model. */
  versions: { old: number; new: number };
  /** The position of both models when they were compared. */
  comparedAt: number;
  /** The position of the live model now. */
  position: number;
  /** The event at which the new model, already live, is stopped. The old one was stopped at this event or before. */
  stoppedAt?: PoisonEvent;
  /** Events handled in this run. */
  handled: number;
  /** Skipped events that failed again and were passed over. */
  passedOver: PoisonEvent[];
  difference: TableDifference[];
}

/** How many times the live model may move although it is frozen before the rebuild fails. */
const MAX_COMPARISONS = 5;
/** The live model is frozen when the new one is at most this many positions behind. */
const FREEZE_WITHIN_POSITIONS = 1_000;
const RETRY_INTERVAL_MS = 100;

/** One run of a rebuild, under the projection's lease for rebuilds. */
export class RebuildRun {
  readonly #freeze: ModelFreeze;
  readonly #passedOver = new Map<string, PoisonEvent>();
  #handled = 0;

  constructor(
    private readonly store: Store,
    private readonly projection: ProjectionDefinition,
    private readonly options: RebuildRunOptions,
    private readonly lease: LeaseHolder,
  ) {
    this.#freeze = new ModelFreeze(store, projection, options.instance, options.now);
  }

  async run(): Promise<Rebuilt> {
    const { store, projection } = this;
    const { dryRun = false, restart = false, now } = this.options;
    const { generation, resumed } = await beginBuilding(store, projection, { restart, now });
    try {
      return { ...(await this.#runWith(generation)), resumed };
    } catch (error) {
      if (dryRun) await this.#discardFailed(generation);
      throw error;
    }
  }

  async #runWith(generation: number): Promise<Omit<Rebuilt, 'resumed'>> {
    const { store, projection } = this;
    const { dryRun = false } = this.options;
    const writer = this.#writerOf(generation);
    await this.#build(writer);
    const { frozen, difference } = await this.#compareAndSwap(writer, generation);
    if (!dryRun) failpoint('projection.swapped');
    await dropOld(store, projection.name);
    const reached = dryRun ? { position: frozen.position } : await this.#bringUpToDate();
    return {
      projection: projection.name,
      swapped: !dryRun,
      versions: { old: frozen.version, new: projection.version },
      comparedAt: frozen.position,
      ...reached,
      handled: this.#handled,
      passedOver: [...this.#passedOver.values()],
      difference,
    };
  }

  /** A failed dry run leaves nothing behind. An interrupted one leaves its tables, which the next run uses. */
  async #discardFailed(generation: number): Promise<void> {
    const { store, projection, options } = this;
    if (options.signal.aborted || !this.lease.check()) return;
    try {
      const change = { projection: projection.name, generation, from: 'building', to: 'old' } as const;
      await store.transaction(({ sql }) => setRole(sql, change));
      await dropOld(store, projection.name);
    } catch (error) {
      options.logger.warn('rebuild: the tables of a failed dry run could not be dropped', { error: messageOf(error) });
    }
  }

  /** Builds until it is close to the live model's position. */
  async #build(writer: ModelWriter): Promise<void> {
    for (;;) {
      const live = await this.#livePosition();
      if (live - (await writer.position()) <= FREEZE_WITHIN_POSITIONS) return;
      await this.#catchUp(writer, live);
    }
  }

  /** Compares and swaps at one position. Repeats both if the live model has moved nevertheless, because the freeze
   *  expired or an operator resumed a stopped model. */
  async #compareAndSwap(
    writer: ModelWriter,
    generation: number,
  ): Promise<{ frozen: FrozenModel; difference: TableDifference[] }> {
    const { store, projection } = this;
    for (let attempt = 1; ; attempt++) {
      try {
        const frozen = await this.#freeze.acquire();
        await this.#catchUp(writer, frozen.position);
        const [old] = await generationsOf(store.query, projection.name, 'live');
        if (old?.generation !== frozen.generation) throw new FlotillaError('projection.conflict', projection.name);
        const onPage = async () => {
          // reads do not yield to the event loop, which lease renewal and interruption need
          await setImmediate();
          await this.#keepGoing();
        };
        const difference = await differenceOf(store, { definition: projection, old, generation, onPage });
        failpoint('projection.rebuilt');
        if (this.options.dryRun === true) await discardBuilt(store, projection, frozen, generation);
        else await swapGenerations(store, projection, frozen, generation);
        return { frozen, difference };
      } catch (error) {
        if (!hasCode(error, 'projection.conflict') || attempt === MAX_COMPARISONS) throw error;
      } finally {
        await this.#unfreeze();
      }
    }
  }

  /** A freeze that cannot be released expires; the swap has succeeded nevertheless. */
  async #unfreeze(): Promise<void> {
    try {
      await this.#freeze.release();
    } catch (error) {
      this.options.logger.warn('rebuild: the live model could not be unfrozen', { error: messageOf(error) });
    }
  }

  /** Handles the events up to and including `target`. */
  async #catchUp(writer: ModelWriter, target: number): Promise<void> {
    for (let position = await writer.position(); position < target;) {
      await this.#keepGoing();
      try {
        const step = await writer.step(position, target);
        position = step.position;
        this.#record(step, target);
        if (step.poison !== undefined) throw poisonError(this.projection.name, step.poison);
      } catch (error) {
        if (!isTransient(error) || hasCode(error, 'projection.conflict') || isStoreGone(error)) throw error;
        await setTimeout(RETRY_INTERVAL_MS, undefined, { signal: this.options.signal });
      }
    }
  }

  /** The new model is live. Its worker handles the events since the freeze and those that the old model was stopped at;
   *  this does so if no worker is running. Ends early, without an error, when interrupted. */
  async #bringUpToDate(): Promise<Pick<Rebuilt, 'position' | 'stoppedAt'>> {
    const { store, projection } = this;
    const { signal, now } = this.options;
    const head = await store.head();
    const model = new LiveModel(store, projection, now);
    for (;;) {
      const position = await this.#livePosition();
      if (position >= head || signal.aborted || !this.lease.check()) return { position };
      try {
        const advance = await model.advance();
        if (advance.kind === 'waiting') return { position };
        const { step } = advance;
        this.#record(step, head);
        if (step.poison !== undefined) return { position: step.position, stoppedAt: step.poison };
      } catch (error) {
        if (!isTransient(error) || isStoreGone(error)) throw error;
        await sleep(RETRY_INTERVAL_MS / 5, signal);
      }
    }
  }

  #record({ position, handled, passedOver }: Step, target: number): void {
    this.#handled += handled;
    for (const passed of passedOver) this.#passedOver.set(passed.eventId, passed);
    this.options.onProgress?.(position, target);
  }

  async #livePosition(): Promise<number> {
    const { name } = this.projection;
    const state = await readState(this.store.query, name);
    if (state === undefined) throw new FlotillaError('projection.not_found', name);
    return this.store.checkpoint(checkpointOf(name, state.generation));
  }

  #writerOf(generation: number): ModelWriter {
    const { name } = this.projection;
    return new ModelWriter(this.store, this.projection, {
      generation,
      guard: async ({ sql }) => {
        const building = await generationsOf(sql, name, 'building');
        if (!building.some((each) => each.generation === generation)) {
          throw new FlotillaError('projection.conflict', name);
        }
      },
    });
  }

  /** Renews an active freeze. Throws if the run is interrupted, or the lease or the freeze is lost. */
  async #keepGoing(): Promise<void> {
    this.options.signal.throwIfAborted();
    if (!this.lease.check()) throw new FlotillaError('projection.rebuilding', this.projection.name);
    await this.#freeze.renew();
  }
}

function poisonError(projection: string, { type, position, eventId, code, message }: PoisonEvent): FlotillaError {
  return new FlotillaError(
    'projection.poison',
    `${projection}, ${type} ${eventId} at ${position}: ${code}: ${message}`,
  );
}
