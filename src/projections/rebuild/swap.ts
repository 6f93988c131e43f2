import { FlotillaError } from '../../errors.js';
import type { Store, Tx } from '../../store/store.js';
import type { FrozenModel } from './freeze.js';
import { generationsOf, setRole, type Generation } from '../tables/generations.js';
import { checkpointOf } from '../tables/physical-names.js';
import { dropViews, makeViews, refuseTaken } from '../tables/prepare.js';
import type { ProjectionDefinition } from '../definition.js';

/** Replaces the live generation with the new one in one transaction: a reader sees one of them, both at the same
 *  position. Throws `projection.conflict` if either has moved since the model was frozen. */
export async function swapGenerations(
  store: Store,
  definition: ProjectionDefinition,
  frozen: FrozenModel,
  generation: number,
): Promise<void> {
  const { name, version, tables } = definition;
  await store.transaction(async (tx) => {
    const { sql } = tx;
    const live = await requireUnmoved(tx, name, frozen, generation);
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

/** Marks the new generation for deletion after the comparison. Throws `projection.conflict` if it or the live one has
 *  moved since the model was frozen, because the comparison was then of two positions. */
export async function discardBuilt(
  store: Store,
  { name }: Pick<ProjectionDefinition, 'name'>,
  frozen: FrozenModel,
  generation: number,
): Promise<void> {
  await store.transaction(async (tx) => {
    await requireUnmoved(tx, name, frozen, generation);
    await setRole(tx.sql, { projection: name, generation, from: 'building', to: 'old' });
  });
}

/** Returns the live generation if it and the new one have not moved. */
async function requireUnmoved(tx: Tx, name: string, frozen: FrozenModel, generation: number): Promise<Generation> {
  const [live] = await generationsOf(tx.sql, name, 'live');
  const building = await generationsOf(tx.sql, name, 'building');
  const isAt = async (at: number) => (await tx.checkpoint(checkpointOf(name, at))) === frozen.position;
  if (
    live?.generation !== frozen.generation ||
    !building.some((each) => each.generation === generation) ||
    !(await isAt(frozen.generation)) ||
    !(await isAt(generation))
  ) {
    throw new FlotillaError('projection.conflict', name);
  }
  return live;
}
