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
import { beginBuilding, dropOld, generationsOf } from '../tables/generations.js';
import { LiveModel } from '../live-model.js';
import { ModelWriter, type Step } from '../model-writer.js';
import { checkpointOf } from '../tables/physical-names.js';
import { isTransient, type PoisonEvent } from '../poison.js';
import type { ProjectionDefinition } from '../definition.js';
import { readState } from '../tables/state.js';
import { discardBuilt, swapGenerations } from './swap.js';

export interface RebuildRunOptions {
  /** This process; no two processes have the same. */
  instance: string;
  /** Aborts it; the next run continues what was built so far. */
  signal: AbortSignal;
  /** Builds and compares, but does not replace the live model, and deletes what was built. */
  dryRun?: boolean | undefined;
  /** Deletes what an earlier run has built instead of continuing it. */
  restart?: boolean | undefined;
  /** Called with the progress, in positions of the store. */
  onProgress?: ((done: number, total: number) => void) | undefined;
  now: () => number;
  logger: Logger;
}

export interface Rebuilt {
  projection: string;
  /** Whether it continued what an earlier run had built. */
  resumed: boolean;
  swapped: boolean;
  /** The versions that made the old model and the new one. */
  versions: { old: number; new: number };
  /** The position at which the two were compared. */
  comparedAt: number;
  /** The position of the model now. */
  position: number;
  /** The event at which the new model, already live, has stopped: the old one had stopped there or before. */
  stoppedAt?: PoisonEvent;
  /** Events that were handled in this run. */
  handled: number;
  /** Events that failed again and were passed over, as an operator has decided. */
  passedOver: PoisonEvent[];
  difference: TableDifference[];
}

/** So many times the live model may move although it is frozen, before the rebuild fails. */
const MAX_COMPARISONS = 5;
/** The live model is frozen once the new one is this close, in positions. */
const FREEZE_WITHIN_POSITIONS = 1_000;
const RETRY_INTERVAL_MS = 100;

/** One run of a rebuild, while it holds the projection's lease for rebuilds. */
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
    const writer = this.#writerOf(generation);
    await this.#build(writer);
    const { frozen, difference } = await this.#compareAndSwap(writer, generation);
    if (!dryRun) failpoint('projection.swapped');
    await dropOld(store, projection.name);
    const reached = dryRun ? { position: frozen.position } : await this.#bringUpToDate();
    return {
      projection: projection.name,
      resumed,
      swapped: !dryRun,
      versions: { old: frozen.version, new: projection.version },
      comparedAt: frozen.position,
      ...reached,
      handled: this.#handled,
      passedOver: [...this.#passedOver.values()],
      difference,
    };
  }

  /** Follows the live model until it is close to it, or to where that has stopped. */
  async #build(writer: ModelWriter): Promise<void> {
    for (;;) {
      const live = await this.#livePosition();
      if (live - (await writer.position()) <= FREEZE_WITHIN_POSITIONS) return;
      await this.#catchUp(writer, live);
    }
  }

  /** Compares and swaps at one position. Repeats both where the live model has moved all the same, because the freeze has
   *  expired or an operator has let a stopped model continue. */
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
        const onPortion = async () => {
          // reads do not turn the event loop, which the lease and an interruption need
          await setImmediate();
          await this.#keepGoing();
        };
        const difference = await differenceOf(store, { definition: projection, old, generation, onPortion });
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

  /** A freeze that cannot be released expires, and is no reason to report a swap as failed. */
  async #unfreeze(): Promise<void> {
    try {
      await this.#freeze.release();
    } catch (error) {
      this.options.logger.warn('rebuild: the live model could not be unfrozen', { error: messageOf(error) });
    }
  }

  /** Handles the events up to `target`, and none after it. */
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

  /** The new model is live: events since the freeze, and those that had stopped the old model, are handled by its worker, or
   *  here where none runs. Ends early, and throws nothing, when it is interrupted. */
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

  /** Renews the freeze where there is one. Throws when the run is interrupted, or the lease or the freeze is lost. */
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
