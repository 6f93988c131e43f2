import { FlotillaError } from '../errors.js';
import type { Store, Tx } from '../store/contract.js';
import { generationsOf, setRole, type Generation } from './generations.js';
import { checkpointOf } from './physical-names.js';
import { dropViews, makeViews, refuseTaken } from './prepare.js';
import type { ProjectionDefinition } from './projection.js';
import { readState, type ModelState } from './state.js';

/** Milliseconds that a live model is held still unless the hold is renewed: a rebuild that has died holds it no longer. */
const HOLD = 10_000;

/** Whether a rebuild holds a model now. An end beyond what a hold lasts is from before the clock was put back: it counts
 *  for nothing, or the model would stand still for as long as that was. */
export function isHeld({ status, heldUntil }: ModelState, now: number): boolean {
  return status === 'swapping' && heldUntil > now && heldUntil <= now + 2 * HOLD;
}

/** The live model, standing still. */
export interface Still {
  generation: number;
  version: number;
  position: number;
}

/**
 * Holds the live model still while another is compared with it and put in its place. One that stands still by itself,
 * stopped or outdated, is looked at as it is; what it does in the meantime shows in its checkpoint.
 */
export class Hold {
  /** By the monotonic clock, as the system time may be set back. */
  #renewAt = Infinity;

  constructor(
    private readonly store: Store,
    private readonly definition: ProjectionDefinition,
    private readonly holder: string,
    private readonly now: () => number,
  ) {}

  /** From when this resolves nothing is added to the live model, until the hold is let go or ends. */
  async take(): Promise<Still> {
    const { name } = this.definition;
    return this.store.transaction(async (tx) => {
      const state = await readState(tx.sql, name);
      if (state === undefined) throw new FlotillaError('projection.not_found', name);
      if (state.status !== 'stopped') await this.#until(tx, this.now() + HOLD);
      this.#renewAt = performance.now() + HOLD / 3;
      const { generation, version } = state;
      return { generation, version, position: await tx.checkpoint(checkpointOf(name, generation)) };
    });
  }

  /** To be called again and again while it lasts. Throws `projection.conflict` when it has ended. */
  async keep(): Promise<void> {
    if (performance.now() < this.#renewAt) return;
    const { name } = this.definition;
    await this.store.transaction(async (tx) => {
      const state = await readState(tx.sql, name);
      if (state?.status === 'stopped') return;
      if (state?.status !== 'swapping' || state.heldBy !== this.holder)
        throw new FlotillaError('projection.conflict', name);
      await this.#until(tx, this.now() + HOLD);
    });
    this.#renewAt = performance.now() + HOLD / 3;
  }

  /** Lets the live model go on. */
  async release(): Promise<void> {
    const { name } = this.definition;
    await this.store.transaction(async ({ sql }) => {
      await sql`
        UPDATE flotilla_projections SET status = 'running', held_by = NULL, held_until = NULL
        WHERE name = ${name} AND status = 'swapping' AND held_by = ${this.holder}`;
    });
  }

  /** Puts the generation that was built in the place of the live one, in one transaction: whoever reads sees the one or
   *  the other, both made up to the same position. Throws `projection.conflict` when either has moved. */
  async swap(still: Still, generation: number): Promise<void> {
    const { definition, store } = this;
    const { name, version, tables } = definition;
    await store.transaction(async (tx) => {
      const { sql } = tx;
      const live = await this.#confirm(tx, still, generation);
      await refuseTaken(sql, definition);
      await dropViews(sql, live.tables);
      await makeViews(sql, Object.keys(tables), generation);
      await setRole(sql, { projection: name, generation: live.generation, from: 'live', to: 'old' });
      await setRole(sql, { projection: name, generation, from: 'building', to: 'live' });
      await sql`
        UPDATE flotilla_projections
        SET generation = ${generation}, version = ${version}, status = 'running', held_by = NULL, held_until = NULL,
          stop_position = NULL, stop_event = NULL, stop_type = NULL, stop_code = NULL, stop_message = NULL,
          stopped_at = NULL
        WHERE name = ${name}`;
    });
  }

  /** Gives up the generation that was built, once it is compared. Throws `projection.conflict` when it or the live one
   *  has moved, so that the comparison was of two positions. */
  async giveUp(still: Still, generation: number): Promise<void> {
    await this.store.transaction(async (tx) => {
      await this.#confirm(tx, still, generation);
      const projection = this.definition.name;
      await setRole(tx.sql, { projection, generation, from: 'building', to: 'old' });
    });
  }

  /** The live generation, if it and the one that was built are where they were. */
  async #confirm(tx: Tx, still: Still, generation: number): Promise<Generation> {
    const { name } = this.definition;
    const { sql } = tx;
    const state = await readState(sql, name);
    const [live] = await generationsOf(sql, name, 'live');
    const building = await generationsOf(sql, name, 'building');
    const isAt = async (at: number) => (await tx.checkpoint(checkpointOf(name, at))) === still.position;
    if (
      state?.generation !== still.generation ||
      live === undefined ||
      !building.some((each) => each.generation === generation) ||
      !(await isAt(still.generation)) ||
      !(await isAt(generation))
    ) {
      throw new FlotillaError('projection.conflict', name);
    }
    return live;
  }

  async #until({ sql }: Tx, until: number): Promise<void> {
    await sql`
      UPDATE flotilla_projections SET status = 'swapping', held_by = ${this.holder}, held_until = ${until}
      WHERE name = ${this.definition.name}`;
  }
}
