import { FlotillaError } from '../errors.js';
import type { Store, Tx } from '../store/store.js';
import { isFrozen } from './rebuild/freeze.js';
import type { CountHandled } from '../traffic/handled-counter.js';
import { ModelWriter, type Step } from './model-writer.js';
import type { PoisonEvent } from './poison.js';
import type { ProjectionDefinition } from './definition.js';
import { readState, setRunning, setStopped } from './tables/state.js';

/** The result of an attempt to advance the model: a step, or the reason why it must wait. */
export type Advance =
  | { kind: 'stepped'; step: Step }
  /** `frozen`: a rebuild is comparing it. `stopped`: at an event that it cannot handle. `outdated`: built by another
   *  version. */
  | { kind: 'waiting'; because: 'frozen' | 'stopped' | 'outdated' };

/** Advances the live generation of a model in batches. */
export class LiveModel {
  readonly #definition: ProjectionDefinition;
  #writer: ModelWriter | undefined;
  #generation = 0;
  /** The event at which it is stopped and that this process has retried. */
  #tried: string | undefined;
  #trying = false;

  constructor(
    private readonly store: Store,
    definition: ProjectionDefinition,
    private readonly now: () => number,
    private readonly countHandled?: CountHandled,
  ) {
    this.#definition = definition;
  }

  /** Handles a batch of events. An event that cannot be handled stops the model, for every process; each instance of
   *  this class retries that event once, because a new release may handle it. Throws `projection.conflict` if another
   *  process has written the model, `projection.not_found` if the model is not prepared, and errors of the store. */
  async advance(): Promise<Advance> {
    const { name, version } = this.#definition;
    const state = await readState(this.store.query, name);
    if (state === undefined) throw new FlotillaError('projection.not_found', name);
    if (state.version !== version) return { kind: 'waiting', because: 'outdated' };
    if (isFrozen(state, this.now())) return { kind: 'waiting', because: 'frozen' };
    if (state.status === 'stopped' && state.stop?.eventId === this.#tried) {
      return { kind: 'waiting', because: 'stopped' };
    }
    this.#trying = state.status === 'stopped';
    if (state.status === 'swapping') {
      // frozen by a dead rebuild; without new events, no other commit would unfreeze it
      await this.store.transaction((tx) => this.#guard(tx, state.generation));
    }
    const writer = this.#writerOf(state.generation);
    const step = await writer.step(await writer.position());
    if (step.poison !== undefined) await this.#stop(step, step.poison, state.generation);
    return { kind: 'stepped', step };
  }

  #writerOf(generation: number): ModelWriter {
    if (this.#writer === undefined || this.#generation !== generation) {
      this.#generation = generation;
      this.#writer = new ModelWriter(this.store, this.#definition, {
        generation,
        guard: (tx) => this.#guard(tx, generation),
        onHandled: (events) => {
          const now = this.now();
          for (const event of events) this.countHandled?.(event, now);
        },
      });
    }
    return this.#writer;
  }

  /** Prevents writes to a model that was frozen, swapped or stopped in the meantime. Marks a model as running that was
   *  stopped, or frozen by a rebuild that has died, with its first commit. */
  async #guard({ sql }: Tx, generation: number): Promise<void> {
    const { name, version } = this.#definition;
    const state = await readState(sql, name);
    const isSame = state?.generation === generation && state.version === version;
    if (!isSame || isFrozen(state, this.now()) || (state.status === 'stopped' && !this.#trying)) {
      throw new FlotillaError('projection.conflict', name);
    }
    if (state.status !== 'running') await setRunning(sql, name);
  }

  /** Stops the model at an event, unless another process has handled it. */
  async #stop({ position }: Step, poison: PoisonEvent, generation: number): Promise<void> {
    const at = new Date(this.now()).toISOString();
    const { checkpoint } = this.#writerOf(generation);
    await this.store.transaction(async (tx) => {
      await this.#guard(tx, generation);
      if ((await tx.checkpoint(checkpoint)) !== position) {
        throw new FlotillaError('projection.conflict', this.#definition.name);
      }
      await setStopped(tx.sql, this.#definition.name, { ...poison, at });
    });
    this.#tried = poison.eventId;
  }
}
