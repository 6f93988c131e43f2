import { FlotillaError } from '../../errors.js';
import { workerDefinitionOf, type Worker, type WorkerDefinition } from '../../worker/definition/worker-definition.js';

/** The workers in the form of a simulation: without projections and windows, and with a queue also for workers with `from: 'log'`,
 *  which receive the same events in a less favorable order. Throws `config.invalid` for a worker that consumes the
 *  stream directly, and for duplicate names. */
export function simulatedDefinitions(workers: readonly Worker[]): WorkerDefinition[] {
  const names = workers.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined)
    throw new FlotillaError('config.invalid', `two workers of the simulation have the name ${twice}`);
  return workers.map(workerDefinitionOf).map((definition) => {
    if (definition.consumeStream !== undefined) {
      throw new FlotillaError(
        'config.invalid',
        `${definition.name} consumes the stream by itself, which is not simulated`,
      );
    }
    return { ...definition, from: 'queue', projections: [], windows: [] };
  });
}

/** Throws `config.invalid` for the name of a worker that is not simulated. */
export function ensureNames(what: string, named: object, definitions: readonly WorkerDefinition[]): void {
  const unknown = Object.keys(named).find((each) => !definitions.some(({ name }) => name === each));
  if (unknown === undefined) return;
  throw new FlotillaError('config.invalid', `${what}: the simulation has no worker ${unknown}`);
}
