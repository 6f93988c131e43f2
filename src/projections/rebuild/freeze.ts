import { FlotillaError } from '../../errors.js';
import type { Store, Tx } from '../../store/store.js';
import { checkpointOf } from '../tables/physical-names.js';
import type { ProjectionDefinition } from '../definition.js';
import { readState, type ModelState } from '../tables/state.js';

/** Milliseconds that a live model is frozen unless the freeze is renewed: it ends by itself when the rebuild has died. */
const FREEZE_TTL_MS = 10_000;

/** Whether a rebuild has frozen the model. An end later than a freeze lasts is from before the clock was set back, and is
 *  ignored: otherwise the model would stay frozen for as long as the clock was set back. */
export function isFrozen({ status, frozenUntil }: ModelState, now: number): boolean {
  return status === 'swapping' && frozenUntil > now && frozenUntil <= now + 2 * FREEZE_TTL_MS;
}

/** A live model as it was when it was frozen. */
export interface FrozenModel {
  generation: number;
  version: number;
  position: number;
}

/**
 * Freezes the live model while another generation is compared with it and replaces it. A stopped model is not frozen, as
 * nothing is added to it. An outdated one is: processes of the release that made it still update it. A freeze only keeps
 * the two at one position for the comparison: what makes the swap safe is that it checks both positions in its own
 * transaction.
 */
export class ModelFreeze {
  /** By the monotonic clock, as the system time may be set back; infinite while nothing is frozen. */
  #renewAt = Infinity;

  constructor(
    private readonly store: Store,
    private readonly definition: Pick<ProjectionDefinition, 'name'>,
    /** This process. */
    private readonly holder: string,
    private readonly now: () => number,
  ) {}

  /** Once this resolves nothing is added to the live model, until the freeze is released or expires. */
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

  /** Renews the freeze where it is due; to be called regularly. Throws `projection.conflict` when it has expired. */
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

  /** Lets the live model continue. */
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
