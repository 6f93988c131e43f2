import { settingsProblems, withDevelopmentSettings } from '../../config/worker-settings.js';
import { FlotillaError } from '../../errors.js';
import type { Fleet } from '../../fleet/define-fleet.js';
import { enabledWorkers, workersOff } from '../../runtime/fleet/enabled-workers.js';
import { workerDefinitionOf, type WorkerDefinition } from '../../worker/definition/worker-definition.js';

/** Checks the settings of these workers and, if they are passed, those of the API and of the sandbox. Throws
 *  `config.invalid`, or an `AggregateError` of them for several problems. */
export function requireSettings(
  env: NodeJS.ProcessEnv,
  fleet: Pick<Fleet, 'api' | 'sandbox'>,
  workers: readonly WorkerDefinition[],
): void {
  const { api, sandbox } = fleet;
  const ofSandbox = sandbox === undefined ? [] : settingsProblems('the sandbox', sandbox.settings, env);
  const given = ofSandbox.length === 0 ? withDevelopmentSettings(fleet, env) : env;
  const problems = [
    ...ofSandbox,
    ...(api === undefined ? [] : settingsProblems('the API', api.settings, env)),
    ...workers.flatMap(({ name, settings }) => settingsProblems(`worker ${name}`, settings, given)),
  ].map((problem) => new FlotillaError('config.invalid', problem));
  const [first, second] = problems;
  if (first === undefined) return;
  throw second === undefined ? first : new AggregateError(problems, problems.map(({ message }) => message).join('; '));
}

/** Names commands and sagas whose worker WORKERS excludes; undefined if there are none. Optional parts that are off are
 *  not named. */
export function describeDisabled(
  fleet: Pick<Fleet, 'workers' | 'optional'>,
  config: Parameters<typeof enabledWorkers>[1],
): string | undefined {
  const enabled = enabledWorkers(fleet, config).map(({ name }) => name);
  const off = workersOff(fleet, config);
  const left = fleet.workers.filter(({ name }) => !enabled.includes(name) && !off.has(name));
  const parts = left.map(workerDefinitionOf).map(({ name, sagas, handlers, definitions }) => {
    const commands = handlers.map(({ pattern }) => pattern).filter((type) => definitions[type]?.kind === 'command');
    const tasks = [...sagas.map((saga) => `runs the saga ${saga.name}`), ...commands.map((type) => `handles ${type}`)];
    return tasks.length === 0 ? name : `${name} (${tasks.join(', ')})`;
  });
  return parts.length === 0 ? undefined : `Not enabled by WORKERS: ${parts.join('; ')}`;
}
