import type { Config } from '../../config/load.js';
import { FlotillaError } from '../errors.js';
import type { Fleet } from '../fleet.js';
import { withOverrides } from '../worker/queues.js';
import type { Worker } from '../worker/types.js';

type Choice = Pick<Config, 'workers' | 'retryDelays' | 'breakerHalfOpenAfter' | 'sagas'>;

/** The workers that run under this configuration, with what it says in place of their own delays. Throws
 *  `config.invalid` for a worker that the fleet doesn't have. */
export function enabledWorkers({ workers }: Pick<Fleet, 'workers'>, config: Choice): Worker[] {
  for (const name of config.workers ?? []) findWorker(workers, name, 'WORKERS');
  return workers
    .filter(({ name }) => config.workers?.includes(name) ?? true)
    .map((worker) => configured(worker, config));
}

/** The worker of that name. Throws `config.invalid`, saying who asked and which there are. */
export function findWorker(workers: readonly Worker[], name: string, asker: string): Worker {
  const worker = workers.find((candidate) => candidate.name === name);
  if (worker !== undefined) return worker;
  const known = workers.map((candidate) => candidate.name).join(', ');
  throw new FlotillaError('config.invalid', `${asker}: there is no worker ${JSON.stringify(name)}, only ${known}`);
}

function configured(worker: Worker, { retryDelays, breakerHalfOpenAfter, sagas }: Choice): Worker {
  const definition = withOverrides(worker.definition, {
    ...(retryDelays && { retryDelays }),
    ...(breakerHalfOpenAfter !== undefined && { halfOpenAfter: breakerHalfOpenAfter }),
    sagas,
  });
  return { name: worker.name, definition };
}
