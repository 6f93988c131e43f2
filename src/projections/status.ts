import { FlotillaError } from '../errors.js';
import type { Store } from '../store/contract.js';
import { checkpointOf } from './physical-names.js';
import type { ProjectionDefinition } from './projection.js';
import { readState, type ModelState, type Stop } from './state.js';

/** How far a read model is, and what keeps it from going on. */
export interface ProjectionState {
  name: string;
  /** `outdated`: made by another version of the projection; it is read as it is, until it is rebuilt. */
  status: ModelState['status'] | 'outdated';
  /** Up to which position of the store's events it is made. */
  position: number;
  /** Events of the store that it has not taken; 0 when it is up to date. */
  behind: number;
  generation: number;
  /** The version that made it. */
  version: number;
  /** At which event it stands still, while it is stopped. */
  stop: Stop | undefined;
}

export type ModelReader = Pick<Store, 'query' | 'checkpoint' | 'head'>;

/** How far the model of a name is. Throws `projection.not_found` where it was never prepared. */
export async function stateOfModel(store: ModelReader, name: string): Promise<ProjectionState> {
  const state = await readState(store.query, name);
  if (state === undefined) throw new FlotillaError('projection.not_found', name);
  const { status, generation, version, stop } = state;
  // the checkpoint first: what is appended in between makes the model look further behind, never ahead
  const position = await store.checkpoint(checkpointOf(name, generation));
  const behind = Math.max(0, (await store.head()) - position);
  return { name, status, position, behind, generation, version, stop };
}

/** The same, compared with what this release has for it. */
export async function stateOfProjection(
  store: ModelReader,
  { name, version }: Pick<ProjectionDefinition, 'name' | 'version'>,
): Promise<ProjectionState> {
  const state = await stateOfModel(store, name);
  return { ...state, status: state.version === version ? state.status : 'outdated' };
}
