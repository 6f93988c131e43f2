import { FlotillaError } from '../errors.js';
import type { Store, Tx } from '../store/contract.js';
import { generationsOf, setRole } from './generations.js';
import { checkpointOf } from './physical-names.js';
import { dropViews, makeViews, refuseTaken } from './prepare.js';
import type { ProjectionDefinition } from './projection.js';
import { readState } from './state.js';

/** Milliseconds that a live model is held still unless the hold is renewed: a rebuild that has died holds it no longer. */
const HOLD = 10_000;

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
      this.#renewAt = this.now() + HOLD / 3;
      const { generation, version } = state;
      return { generation, version, position: await tx.checkpoint(checkpointOf(name, generation)) };
    });
  }

  /** To be called again and again while it lasts. Throws `projection.conflict` when it has ended. */
  async keep(): Promise<void> {
    if (this.now() < this.#renewAt) return;
    const { name } = this.definition;
    await this.store.transaction(async (tx) => {
      const state = await readState(tx.sql, name);
      if (state?.status === 'stopped') return;
      if (state?.status !== 'swapping' || state.heldBy !== this.holder)
        throw new FlotillaError('projection.conflict', name);
      await this.#until(tx, this.now() + HOLD);
    });
    this.#renewAt = this.now() + HOLD / 3;
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
      await refuseTaken(sql, definition);
      await dropViews(sql, live.tables);
      await makeViews(sql, Object.keys(tables), generation);
      await setRole(sql, name, live.generation, 'old');
      await setRole(sql, name, generation, 'live');
      await sql`
        UPDATE flotilla_projections
        SET generation = ${generation}, version = ${version}, status = 'running', held_by = NULL, held_until = NULL,
          stop_position = NULL, stop_event = NULL, stop_type = NULL, stop_code = NULL, stop_message = NULL,
          stopped_at = NULL
        WHERE name = ${name}`;
    });
  }

  async #until({ sql }: Tx, until: number): Promise<void> {
    await sql`
      UPDATE flotilla_projections SET status = 'swapping', held_by = ${this.holder}, held_until = ${until}
      WHERE name = ${this.definition.name}`;
  }
}
