import { z } from 'zod';
import { stateOfModel, type ModelReader, type ProjectionState } from './status.js';

/** How far a projection has processed its store. */
export interface ProjectionLag extends Pick<ProjectionState, 'position' | 'behind' | 'status'> {
  /** For the reply of a route. `Model-Position`: later reads contain every event up to here. `Model-Lag`: how many events
   *  of the store may be missing; 0 means none. `Model-Stopped: true` while the projection is stopped at an event. */
  headers: Readonly<Record<string, string>>;
}

/** The lag of a projection. Call it before reading the tables: they may then be newer than reported, never older. Throws
 *  `projection.not_found` if the projection was not prepared. */
export async function projectionLag(store: ModelReader, projection: string): Promise<ProjectionLag> {
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

/** Describes `ProjectionLag.headers` in the documentation of a route. */
export const projectionLagHeaders = {
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
