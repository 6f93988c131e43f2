import { z } from 'zod';
import { stateOfModel, type ModelReader, type ProjectionState } from './status.js';

/** The lag of a projection behind its store. */
export interface ProjectionLag extends Pick<ProjectionState, 'position' | 'behind' | 'status'> {
  /** Headers for the reply of a route. `Model-Position`: later reads contain every event up to this position.
   *  `Model-Lag`: how many events of the store may be missing; 0 means none. `Model-Stopped: true` while the projection
   *  is stopped at an event. */
  headers: Readonly<Record<string, string>>;
}

/** Returns the lag of a projection. Call it before reading the tables: they may then be newer than reported, never
 *  older. Throws `projection.not_found` if the projection was not prepared. */
export async function projectionLag(store: ModelReader, projection: string): Promise<ProjectionLag> {
  const state = await stateOfModel(store, projection);
  const { position, behind, status } = state;
  return { position, behind, status, headers: headersOf([state]) };
}

/** The same headers for a response from several projections: the oldest position, the greatest lag, and `Model-Stopped`
 *  if one of them is stopped. */
export async function lagHeadersOf(
  store: ModelReader,
  projections: readonly string[],
): Promise<ProjectionLag['headers']> {
  return headersOf(await Promise.all(projections.map((name) => stateOfModel(store, name))));
}

function headersOf(states: readonly ProjectionState[]): ProjectionLag['headers'] {
  return {
    'Model-Position': String(Math.min(...states.map(({ position }) => position))),
    'Model-Lag': String(Math.max(...states.map(({ behind }) => behind))),
    ...(states.some(({ status }) => status === 'stopped') && { 'Model-Stopped': 'true' }),
  };
}

/** Describes these headers in the documentation of a route. */
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
