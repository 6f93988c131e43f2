import type { Config } from '../../config/load-config.js';
import { FlotillaError } from '../../errors.js';
import type { Fleet } from '../../fleet/define-fleet.js';
import { describeUnknown, unknownName } from '../../text/known-names.js';
import { withOverrides } from '../../worker/definition/queues.js';
import { workerDefinitionOf, type WorkerDefinition } from '../../worker/definition/worker-definition.js';

type Choice = Pick<Config, 'workers' | 'retryDelays' | 'breakerHalfOpenAfter' | 'sagas'>;

/** The workers that run under this configuration, with what it says in place of their own delays. Throws
 *  `config.invalid` for a worker that the fleet doesn't have. */
export function enabledWorkers({ workers }: Pick<Fleet, 'workers'>, config: Choice): WorkerDefinition[] {
  const known = workers.map(({ name }) => name);
  const unknown = config.workers?.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new FlotillaError('config.invalid', `WORKERS: ${describeUnknown('worker', unknown, known)}`);
  }
  return workers
    .filter(({ name }) => config.workers?.includes(name) ?? true)
    .map((worker) => configured(workerDefinitionOf(worker), config));
}

/** The worker of that name. Throws `name.unknown`. */
export function findWorker(workers: readonly WorkerDefinition[], name: string): WorkerDefinition {
  const worker = workers.find((candidate) => candidate.name === name);
  if (worker !== undefined) return worker;
  throw unknownName(
    'worker',
    name,
    workers.map((candidate) => candidate.name),
  );
}

function configured(worker: WorkerDefinition, { retryDelays, breakerHalfOpenAfter, sagas }: Choice): WorkerDefinition {
  return withOverrides(worker, {
    ...(retryDelays && { retryDelays }),
    ...(breakerHalfOpenAfter !== undefined && { halfOpenAfter: breakerHalfOpenAfter }),
    sagas,
  });
}
