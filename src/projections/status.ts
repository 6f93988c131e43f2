import { FlotillaError } from '../errors.js';
import type { Store } from '../store/store.js';
import { checkpointOf } from './tables/physical-names.js';
import type { ProjectionDefinition } from './definition.js';
import { readState, type ModelState, type Stop } from './tables/state.js';

/** The position of a read model, and the event at which it is stopped. */
export interface ProjectionState {
  name: string;
  /** `outdated`: built by another version of the projection; readable, but not updated until it is rebuilt. */
  status: ModelState['status'] | 'outdated';
  /** The model contains the store's events up to this position. */
  position: number;
  /** Positions of the store beyond the model's position; 0 when it is up to date. */
  behind: number;
  generation: number;
  /** The version that built it. */
  version: number;
  /** The event at which it is stopped. */
  stop: Stop | undefined;
}

export type ModelReader = Pick<Store, 'query' | 'checkpoint' | 'head'>;

/** Returns the state of the model with this name. Throws `projection.not_found` if it was never prepared. */
export async function stateOfModel(store: ModelReader, name: string): Promise<ProjectionState> {
  const state = await readState(store.query, name);
  if (state === undefined) throw new FlotillaError('projection.not_found', name);
  const { status, generation, version, stop } = state;
  // the checkpoint first: events appended in between increase the reported lag, never decrease it
  const position = await store.checkpoint(checkpointOf(name, generation));
  const behind = Math.max(0, (await store.head()) - position);
  return { name, status, position, behind, generation, version, stop };
}

/** The same, with status `outdated` if this release has another version of the projection. */
export async function stateOfProjection(
  store: ModelReader,
  { name, version }: Pick<ProjectionDefinition, 'name' | 'version'>,
): Promise<ProjectionState> {
  const state = await stateOfModel(store, name);
  return { ...state, status: state.version === version ? state.status : 'outdated' };
}
