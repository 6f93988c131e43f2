import type { Config } from '../../config/load-config.js';
import { FlotillaError } from '../../errors.js';
import type { Fleet } from '../../fleet/define-fleet.js';
import { describeUnknown, unknownName } from '../../text/known-names.js';
import { withOverrides } from '../../worker/definition/queues.js';
import { workerDefinitionOf, type WorkerDefinition } from '../../worker/definition/worker-definition.js';

type Choice = Pick<Config, 'workers' | 'with' | 'retryDelays' | 'breakerHalfOpenAfter' | 'sagas'>;

/** The workers that run under this configuration, with what it says in place of their own delays. Throws
 *  `config.invalid` for a worker that the fleet doesn't have. */
export function enabledWorkers(fleet: Pick<Fleet, 'workers' | 'optional'>, config: Choice): WorkerDefinition[] {
  const { workers } = fleet;
  const known = workers.map(({ name }) => name);
  const unknown = config.workers?.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new FlotillaError('config.invalid', `WORKERS: ${describeUnknown('worker', unknown, known)}`);
  }
  const off = workersOff(fleet, config);
  return workers
    .filter(({ name }) => config.workers?.includes(name) ?? !off.has(name))
    .map((worker) => configured(workerDefinitionOf(worker), config));
}

/** The workers of optional parts that do not run. Throws `config.invalid` for a part that the fleet doesn't have. */
export function workersOff({ optional = {} }: Pick<Fleet, 'optional'>, config: Pick<Config, 'with'>): Set<string> {
  const parts = Object.keys(optional);
  const unknown = config.with.find((part) => !parts.includes(part));
  if (unknown !== undefined) {
    throw new FlotillaError('config.invalid', `WITH: ${describeUnknown('optional part', unknown, parts)}`);
  }
  const off = Object.entries(optional).filter(([part]) => !config.with.includes(part));
  return new Set(off.flatMap(([, workers]) => workers.map(({ name }) => name)));
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
