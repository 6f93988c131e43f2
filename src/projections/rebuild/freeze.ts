import { FlotillaError } from '../../errors.js';
import type { Store, Tx } from '../../store/store.js';
import { checkpointOf } from '../tables/physical-names.js';
import type { ProjectionDefinition } from '../definition.js';
import { readState, type ModelState } from '../tables/state.js';

/** How long a live model stays frozen unless the freeze is renewed: a freeze of a dead rebuild expires. */
const FREEZE_TTL_MS = 10_000;

/** Whether a rebuild has frozen the model. An expiry beyond the length of a freeze was written before the clock was set
 *  back, and is ignored: otherwise the model would stay frozen for as long as the clock was set back. */
export function isFrozen({ status, frozenUntil }: ModelState, now: number): boolean {
  return status === 'swapping' && frozenUntil > now && frozenUntil <= now + 2 * FREEZE_TTL_MS;
}

/** A live model at the time when it was frozen. */
export interface FrozenModel {
  generation: number;
  version: number;
  position: number;
}

/** Freezes the live model while another generation is compared with it and replaces it. A stopped model is not frozen,
 *  because it receives no updates. An outdated one is frozen: processes of the release that built it still update it.
 *  The freeze only keeps both at one position for the comparison; the swap is safe because it checks both positions in
 *  its own transaction. */
export class ModelFreeze {
  /** On the monotonic clock, because the system time may be set back; infinite while nothing is frozen. */
  #renewAt = Infinity;

  constructor(
    private readonly store: Store,
    private readonly definition: Pick<ProjectionDefinition, 'name'>,
    /** The name of this process. */
    private readonly holder: string,
    private readonly now: () => number,
  ) {}

  /** Resolves when the live model receives no more updates, until the freeze is released or expires. */
  async acquire(): Promise<FrozenModel> {
    const { name } = this.definition;
    return this.store.transaction(async (tx) => {
      const state = await readState(tx.sql, name);
      if (state === undefined) throw new FlotillaError('projection.not_found', name);
      if (state.status !== 'stopped') await this.#extend(tx);
      this.#renewAt = performance.now() + FREEZE_TTL_MS / 3;
      const { generation, version } = state;
      return { generation, version, position: await tx.checkpoint(checkpointOf(name, generation)) };
    });
  }

  /** Renews the freeze if it is due. Call it regularly. Throws `projection.conflict` if the freeze has expired. */
  async renew(): Promise<void> {
    if (performance.now() < this.#renewAt) return;
    const { name } = this.definition;
    await this.store.transaction(async (tx) => {
      const state = await readState(tx.sql, name);
      if (state?.status === 'stopped') return;
      if (state?.status !== 'swapping' || state.frozenBy !== this.holder) {
        throw new FlotillaError('projection.conflict', name);
      }
      await this.#extend(tx);
    });
    this.#renewAt = performance.now() + FREEZE_TTL_MS / 3;
  }

  /** Lets the live model resume. */
  async release(): Promise<void> {
    this.#renewAt = Infinity;
    const { name } = this.definition;
    await this.store.transaction(async ({ sql }) => {
      await sql`
        UPDATE flotilla_projections SET status = 'running', held_by = NULL, held_until = NULL
        WHERE name = ${name} AND status = 'swapping' AND held_by = ${this.holder}`;
    });
  }

  async #extend({ sql }: Tx): Promise<void> {
    await sql`
      UPDATE flotilla_projections
      SET status = 'swapping', held_by = ${this.holder}, held_until = ${this.now() + FREEZE_TTL_MS}
      WHERE name = ${this.definition.name}`;
  }
}
