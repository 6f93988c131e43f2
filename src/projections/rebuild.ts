import { setImmediate, setTimeout } from 'node:timers/promises';
import { FlotillaError, hasCode, messageOf } from '../errors.js';
import { failpoint } from '../failpoints.js';
import { LeaseHolder } from '../store/leases/lease-holder.js';
import { sleep } from '../concurrency/sleep.js';
import type { Store } from '../store/contract.js';
import { isStoreGone } from '../store/is-gone.js';
import { silentLogger, type Logger } from '../telemetry/logger.js';
import { differenceOf, type TableDifference } from './difference.js';
import { beginBuilding, dropOld, generationsOf } from './generations.js';
import { Hold, type Still } from './hold.js';
import { LiveModel } from './live-model.js';
import { ModelWriter } from './model-writer.js';
import { checkpointOf } from './physical-names.js';
import { isPassing, type PoisonEvent } from './poison.js';
import { prepareProjections } from './prepare.js';
import type { ProjectionDefinition } from './projection.js';
import { readState } from './state.js';

export interface RebuildOptions {
  /** This process; no two processes have the same. */
  instance: string;
  /** Aborts it; what was built so far is gone on with the next time. */
  signal: AbortSignal;
  /** Builds and compares, but puts nothing in the place of the live model, and keeps nothing. */
  dryRun?: boolean | undefined;
  /** Begins anew in place of going on with what was built before. */
  restart?: boolean | undefined;
  /** Told how far it is: positions of the store. */
  onProgress?: ((done: number, total: number) => void) | undefined;
  /** Milliseconds after which what a rebuild that has died was doing may be gone on with. @default 5000 */
  leaseTtl?: number | undefined;
  now?: (() => number) | undefined;
  logger?: Logger | undefined;
}

export interface Rebuilt {
  projection: string;
  /** Whether it went on with what an earlier run had built. */
  resumed: boolean;
  swapped: boolean;
  /** The versions that made the old model and the new one. */
  versions: { old: number; new: number };
  /** The position at which the two were compared. */
  comparedAt: number;
  /** How far the model is now. */
  position: number;
  /** The event at which the new model, already in place, stands still: the old one had stood there or before. */
  stoppedAt?: PoisonEvent;
  /** Events that were taken in this run. */
  handled: number;
  /** Events that failed again and were passed over, as an operator has decided. */
  passedOver: PoisonEvent[];
  difference: TableDifference[];
}

/** So many times the live model may move although it is held, before this gives up. */
const ATTEMPTS = 5;
/** The live model is held once the new one is this close, in positions. */
const CLOSE = 1_000;

/**
 * Builds a model anew from the first event on, beside the live one, which is read and goes on meanwhile; then holds the
 * live one still, compares both at one position, and puts the new one in its place. Interrupted anywhere, by an abort or
 * by the end of the process, the live model stays, and the next run goes on from where this one was. Throws
 * `projection.poison` at an event that cannot be taken and is not recorded as skipped, `projection.rebuilding` when another
 * process rebuilds it.
 */
export async function rebuildProjection(
  store: Store,
  projection: ProjectionDefinition,
  options: RebuildOptions,
): Promise<Rebuilt> {
  const { name } = projection;
  const { instance, signal, leaseTtl: ttl = 5_000, now = Date.now, logger = silentLogger() } = options;
  await prepareProjections(store, [projection], now);
  const terms = { name: `projection:${name}:rebuild`, holder: instance, ttl, logger };
  const held = await acquire(store, terms, signal);
  if (held === undefined) throw new FlotillaError('projection.rebuilding', name);
  try {
    return await new Rebuild(store, projection, { ...options, now, logger }, held).run();
  } finally {
    await held.release();
  }
}

/** What is held ends by itself: that it could not be given back is no reason to call what was done undone. */
async function letGo(held: { release: () => Promise<void> }, logger: Logger): Promise<void> {
  await held.release().catch((error: unknown) => {
    logger.warn('rebuild: something held could not be given back', { error: messageOf(error) });
  });
}

/** Waits as long as the lease of one that has died may last; undefined where it is in use. */
async function acquire(
  store: Store,
  terms: { name: string; holder: string; ttl: number; logger: Logger },
  signal: AbortSignal,
): Promise<LeaseHolder | undefined> {
  const until = performance.now() + terms.ttl * 1.2;
  for (;;) {
    const held = await LeaseHolder.acquire(store, terms);
    if (held !== undefined || performance.now() > until) return held;
    await setTimeout(terms.ttl / 10, undefined, { signal });
  }
}

class Rebuild {
  readonly #hold: Hold;
  readonly #passedOver = new Map<string, PoisonEvent>();
  #handled = 0;

  constructor(
    private readonly store: Store,
    private readonly projection: ProjectionDefinition,
    private readonly options: RebuildOptions & { now: () => number; logger: Logger },
    private readonly held: LeaseHolder,
  ) {
    this.#hold = new Hold(store, projection, options.instance, options.now);
  }

  async run(): Promise<Rebuilt> {
    const { store } = this;
    const definition = this.projection;
    const { name } = definition;
    const { dryRun = false, restart = false, now } = this.options;
    const { generation, resumed } = await beginBuilding(store, definition, { restart, now });
    const writer = this.#writerOf(generation);
    await this.#build(writer);
    const { still, difference } = await this.#putInPlace(writer, generation);
    if (!dryRun) failpoint('projection.swapped');
    await dropOld(store, name);
    const reached = dryRun ? { position: still.position } : await this.#bringUpToDate();
    return {
      projection: name,
      resumed,
      swapped: !dryRun,
      versions: { old: still.version, new: definition.version },
      comparedAt: still.position,
      ...reached,
      handled: this.#handled,
      passedOver: [...this.#passedOver.values()],
      difference,
    };
  }

  /** Follows the live model until it is close to it, or to where that stands still. */
  async #build(writer: ModelWriter): Promise<void> {
    for (;;) {
      const live = await this.#livePosition();
      if (live - (await writer.position()) <= CLOSE) return;
      await this.#catchUp(writer, live);
    }
  }

  /** Compares and swaps, at one position. The live model may have gone on all the same, where a hold has ended or an
   *  operator has let a stopped one go on: then once more. */
  async #putInPlace(writer: ModelWriter, generation: number): Promise<{ still: Still; difference: TableDifference[] }> {
    const definition = this.projection;
    const { name } = definition;
    for (let attempt = 1; ; attempt++) {
      try {
        const still = await this.#hold.take();
        await this.#catchUp(writer, still.position, () => this.#hold.keep());
        const [old] = await generationsOf(this.store.query, name, 'live');
        if (old?.generation !== still.generation) throw new FlotillaError('projection.conflict', name);
        const difference = await differenceOf(this.store, {
          definition,
          old,
          generation,
          onPortion: async () => {
            // reads give the event loop no turn, which the lease and an interruption need
            await setImmediate();
            this.#check();
            await this.#hold.keep();
          },
        });
        failpoint('projection.rebuilt');
        if (this.options.dryRun === true) await this.#hold.giveUp(still, generation);
        else await this.#hold.swap(still, generation);
        return { still, difference };
      } catch (error) {
        if (!hasCode(error, 'projection.conflict') || attempt === ATTEMPTS) throw error;
      } finally {
        await letGo(this.#hold, this.options.logger);
      }
    }
  }

  /** Takes the events up to `target`, and none after it. */
  async #catchUp(
    writer: ModelWriter,
    target: number,
    keep: () => Promise<void> = async () => undefined,
  ): Promise<void> {
    for (let position = await writer.position(); position < target;) {
      this.#check();
      await keep();
      try {
        const step = await writer.step(position, target);
        position = step.position;
        this.#handled += step.handled;
        for (const passed of step.passedOver) this.#passedOver.set(passed.eventId, passed);
        this.options.onProgress?.(position, target);
        if (step.poison !== undefined) throw poisonError(this.projection.name, step.poison);
      } catch (error) {
        if (!isPassing(error) || hasCode(error, 'projection.conflict') || isStoreGone(error)) throw error;
        await setTimeout(100, undefined, { signal: this.options.signal });
      }
    }
  }

  /** The model is the live one now: what came in since, and what kept a stopped or outdated one from going on, is left to
   *  whoever keeps it, or done here where nobody does. Ends early, and throws nothing, when it is interrupted. */
  async #bringUpToDate(): Promise<Pick<Rebuilt, 'position' | 'stoppedAt'>> {
    const { store, projection } = this;
    const head = await store.head();
    const model = new LiveModel(store, projection, this.options.now);
    for (;;) {
      const position = await this.#livePosition();
      if (position >= head || this.options.signal.aborted || !this.held.check()) return { position };
      try {
        const turn = await model.turn();
        if (turn.kind === 'waiting') return { position };
        this.#handled += turn.step.handled;
        for (const passed of turn.step.passedOver) this.#passedOver.set(passed.eventId, passed);
        this.options.onProgress?.(turn.step.position, head);
        if (turn.step.poison !== undefined) return { position: turn.step.position, stoppedAt: turn.step.poison };
      } catch (error) {
        if (!isPassing(error) || isStoreGone(error)) throw error;
        await sleep(20, this.options.signal);
      }
    }
  }

  async #livePosition(): Promise<number> {
    const { name } = this.projection;
    const state = await readState(this.store.query, name);
    if (state === undefined) throw new FlotillaError('projection.not_found', name);
    return this.store.checkpoint(checkpointOf(name, state.generation));
  }

  #writerOf(generation: number): ModelWriter {
    const definition = this.projection;
    const { name } = definition;
    return new ModelWriter(this.store, definition, {
      generation,
      guard: async ({ sql }) => {
        const building = await generationsOf(sql, name, 'building');
        if (!building.some((each) => each.generation === generation))
          throw new FlotillaError('projection.conflict', name);
      },
    });
  }

  #check(): void {
    this.options.signal.throwIfAborted();
    if (!this.held.check()) throw new FlotillaError('projection.rebuilding', this.projection.name);
  }
}

function poisonError(projection: string, { type, position, eventId, code, message }: PoisonEvent): FlotillaError {
  return new FlotillaError(
    'projection.poison',
    `${projection}, ${type} ${eventId} at ${position}: ${code}: ${message}`,
  );
}
