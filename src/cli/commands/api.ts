import type { Command } from 'commander';
import { requireTokens } from '../../config/load-config.js';
import { readApiSettings } from '../../config/worker-settings.js';
import { runApi } from '../../runtime/run-api.js';
import { requireSettings } from '../shared/check-settings.js';
import type { Context } from '../shared/context.js';
import { examples } from '../shared/examples.js';
import { runOptions, untilEnded } from '../shared/run.js';

export function register(program: Command, context: Context): void {
  program
    .command('api')
    .addHelpText('after', examples(['PORT=8080 flotilla api', 'serve the API on port 8080']))
    .action(() => serveFleet(context));
}

async function serveFleet(context: Context): Promise<void> {
  const fleet = await context.fleet();
  const { api } = fleet;
  requireTokens(context.config, ['api']);
  requireSettings(context.env, { api }, []);
  const settings = api === undefined ? {} : readApiSettings(api.settings, context.env);
  await untilEnded(runApi(fleet, { ...runOptions(context, 'api'), settings }));
}
