import { settingsProblems, withDevelopmentSettings } from '../../config/worker-settings.js';
import { FlotillaError } from '../../errors.js';
import type { Fleet } from '../../fleet/define-fleet.js';
import type { Worker } from '../../worker/definition/options.js';
import type { Context } from './context.js';

/** Checks the settings of these workers, and those of the API where it is given. Throws `config.invalid`; where there are
 *  several problems, an `AggregateError` with one for each. */
export function requireSettings(
  { env, config }: Pick<Context, 'env' | 'config'>,
  workers: readonly Worker[],
  api?: Fleet['api'],
): void {
  const given = withDevelopmentSettings(config, env);
  const problems = [
    ...(api === undefined ? [] : settingsProblems('the API', api.settings, env)),
    ...workers.flatMap(({ name, definition }) => settingsProblems(`worker ${name}`, definition.settings, given)),
  ].map((problem) => new FlotillaError('config.invalid', problem));
  const [first, second] = problems;
  if (first === undefined) return;
  throw second === undefined ? first : new AggregateError(problems, problems.map(({ message }) => message).join('; '));
}

/** Commands and sagas that have no worker because WORKERS leaves it out; undefined where there are none. */
export function describeDisabled({ workers }: Pick<Fleet, 'workers'>, enabled: readonly Worker[]): string | undefined {
  const left = workers.filter(({ name }) => enabled.every((worker) => worker.name !== name));
  const parts = left.map(({ name, definition: { sagas, handlers, definitions } }) => {
    const commands = handlers.map(({ pattern }) => pattern).filter((type) => definitions[type]?.kind === 'command');
    const tasks = [...sagas.map((saga) => `runs the saga ${saga.name}`), ...commands.map((type) => `handles ${type}`)];
    return tasks.length === 0 ? name : `${name} (${tasks.join(', ')})`;
  });
  return parts.length === 0 ? undefined : `Not enabled by WORKERS: ${parts.join('; ')}`;
}
