import { z } from 'zod';
import { stateOfModel, type ModelReader, type ProjectionState } from './status.js';

/** How far a read model is, for whoever reads it. */
export interface ReadModel extends Pick<ProjectionState, 'position' | 'behind' | 'status'> {
  /** For the answer of a route. `Model-Position`: what is read next has everything up to here in it. `Model-Lag`: how
   *  many events of the store it may be missing; 0 means none. `Model-Stopped: true` while it stands still at an event. */
  headers: Readonly<Record<string, string>>;
}

/** Says how far a model is; to be asked before the model is read, which may then be newer but is never older. Throws
 *  `projection.not_found` where no such model was prepared. */
export async function readModel(store: ModelReader, projection: string): Promise<ReadModel> {
  const { position, behind, status } = await stateOfModel(store, projection);
  return {
    position,
    behind,
    status,
    headers: {
      'Model-Position': String(position),
      'Model-Lag': String(behind),
      ...(status === 'stopped' && { 'Model-Stopped': 'true' }),
    },
  };
}

/** The headers of `ReadModel.headers`, for the documentation of a route. */
export const readModelHeaders = {
  'Model-Position': {
    description: 'The answer contains every event of the store up to this position',
    schema: z.int(),
  },
  'Model-Lag': { description: 'Events of the store that may be missing; 0: none', schema: z.int() },
  'Model-Stopped': {
    description: 'Present while the read model is stopped at an event',
    schema: z.literal('true'),
    optional: true,
  },
};
