import type { Command } from 'commander';
import { FlotillaError } from '../../errors.js';
import { readSettings, withDevelopmentSettings } from '../../config/worker-settings.js';
import { enabledWorkers, findWorker, workersOff } from '../../runtime/fleet/enabled-workers.js';
import { runWorkers } from '../../runtime/run-workers.js';
import { requireSettings } from '../shared/check-settings.js';
import type { Context } from '../shared/context.js';
import { examples } from '../shared/examples.js';
import { runOptions, untilEnded } from '../shared/run.js';

export function register(program: Command, context: Context): void {
  program
    .command('worker')
    .argument('<name...>', 'a worker of the fleet')
    .addHelpText(
      'after',
      examples(
        ['flotilla worker payment', 'run one worker'],
        ['flotilla worker payment email', 'run two workers in one process'],
      ),
    )
    .action((names: string[]) => runWorker(names, context));
}

async function runWorker(names: readonly string[], context: Context): Promise<void> {
  const fleet = await context.fleet();
  const enabled = enabledWorkers(fleet, context.config);
  const off = workersOff(fleet, context.config);
  const missing = names.find((name) => off.has(name) && enabled.every((worker) => worker.name !== name));
  if (missing !== undefined) {
    const [part] =
      Object.entries(fleet.optional ?? {}).find(([, members]) => members.some(({ name }) => name === missing)) ?? [];
    const detail = `${missing} is of the optional part ${part}; set WITH=${[...context.config.with, part].join(',')}`;
    throw new FlotillaError('config.invalid', detail);
  }
  const wanted = names.map((name) => findWorker(enabled, name));
  requireSettings(context.env, { sandbox: fleet.sandbox }, wanted);
  const env = withDevelopmentSettings(fleet, context.env);
  const settings = wanted.map(({ name, settings: schema }) => [name, readSettings(name, schema, env)] as const);
  const options = runOptions(context, names.join('+'));
  await untilEnded(runWorkers(fleet, names, { ...options, settings: Object.fromEntries(settings) }));
}
