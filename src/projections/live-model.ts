import { FlotillaError } from '../errors.js';
import type { Store, Tx } from '../store/contract.js';
import { isHeld } from './hold.js';
import { ModelWriter, type Step } from './model-writer.js';
import type { PoisonEvent } from './poison.js';
import type { ProjectionDefinition } from './projection.js';
import { readState, setRunning, setStopped } from './state.js';

/** What a turn came to: it went as far as it could, or did nothing. */
export type Turn =
  | { kind: 'stepped'; step: Step }
  /** `held`: a rebuild compares it. `stopped`: at an event it cannot take. `outdated`: another version has made it. */
  | { kind: 'waiting'; because: 'held' | 'stopped' | 'outdated' };

/** Brings the live generation of a model forward, whichever that is, turn by turn. */
export class LiveModel {
  readonly #definition: ProjectionDefinition;
  #writer: ModelWriter | undefined;
  #generation = 0;
  /** The event at which it stands and that has been tried in this process. */
  #tried: string | undefined;
  #trying = false;

  constructor(
    private readonly store: Store,
    definition: ProjectionDefinition,
    private readonly now: () => number,
  ) {
    this.#definition = definition;
  }

  /** Takes a batch of events. One that cannot be taken stops the model, for everybody to see; one at which it was stopped
   *  is tried once in the life of this, as a new release may have mended it. Throws `projection.conflict` when another
   *  process was quicker, `projection.not_found` where nothing is prepared, and whatever the store throws. */
  async turn(): Promise<Turn> {
    const { name, version } = this.#definition;
    const state = await readState(this.store.query, name);
    if (state === undefined) throw new FlotillaError('projection.not_found', name);
    if (state.version !== version) return { kind: 'waiting', because: 'outdated' };
    if (isHeld(state, this.now())) return { kind: 'waiting', because: 'held' };
    if (state.status === 'stopped' && state.stop?.eventId === this.#tried) {
      return { kind: 'waiting', because: 'stopped' };
    }
    this.#trying = state.status === 'stopped';
    if (state.status === 'swapping') {
      // held by a rebuild that is no more; there may be nothing to commit that would say so
      await this.store.transaction((tx) => this.#guard(tx, state.generation));
    }
    const writer = this.#writerOf(state.generation);
    const step = await writer.step(await writer.position());
    if (step.poison !== undefined) await this.#stop(step.poison, state.generation);
    return { kind: 'stepped', step };
  }

  #writerOf(generation: number): ModelWriter {
    if (this.#writer === undefined || this.#generation !== generation) {
      this.#generation = generation;
      this.#writer = new ModelWriter(this.store, this.#definition, {
        generation,
        guard: (tx) => this.#guard(tx, generation),
      });
    }
    return this.#writer;
  }

  /** A model that is held, swapped or stopped in the meantime is not written any more. What was stopped, or held by a
   *  rebuild that is no more, goes on with the first commit. */
  async #guard({ sql }: Tx, generation: number): Promise<void> {
    const { name, version } = this.#definition;
    const state = await readState(sql, name);
    const isSame = state?.generation === generation && state.version === version;
    if (!isSame || isHeld(state, this.now()) || (state.status === 'stopped' && !this.#trying)) {
      throw new FlotillaError('projection.conflict', name);
    }
    if (state.status !== 'running') await setRunning(sql, name);
  }

  async #stop(poison: PoisonEvent, generation: number): Promise<void> {
    const at = new Date(this.now()).toISOString();
    await this.store.transaction(async (tx) => {
      await this.#guard(tx, generation);
      await setStopped(tx.sql, this.#definition.name, { ...poison, at });
    });
    this.#tried = poison.eventId;
  }
}
