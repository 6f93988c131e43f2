import { join } from 'node:path';
import type { Command } from 'commander';
import { requireToken } from '../../config/load-config.js';
import { readSandboxSettings } from '../../config/worker-settings.js';
import { FlotillaError } from '../../errors.js';
import { aborted } from '../../concurrency/aborted.js';
import { announceReady } from '../../supervisor/child-process.js';
import { lockDataDir } from '../../runtime/lock-data-dir.js';
import { dataDirOf } from '../../runtime/place.js';
import type { Context } from '../shared/context.js';
import { examples } from '../shared/examples.js';
import { portTaken } from '../../net/port-taken.js';

export function register(program: Command, context: Context): void {
  program
    .command('sandbox')
    .addHelpText('after', examples(['SANDBOX_PORT=4001 flotilla sandbox', 'run the sandbox on port 4001']))
    .action(() => runSandbox(context));
}

async function runSandbox(context: Context): Promise<void> {
  const { config, env, signal } = context;
  const { sandbox } = await context.fleet();
  if (sandbox === undefined) throw new FlotillaError('fleet.invalid', 'the fleet declares no sandbox');
  const { settings, ports, token, tokenVariables } = readSandboxSettings(sandbox, env);
  const { host } = config;
  requireToken(token, tokenVariables, { host, place: 'HOST' });
  const lock = lockDataDir(context);
  const logger = context.logger({ process: 'sandbox' });
  try {
    const running = await sandbox
      .start(settings, { host, dataDir: join(dataDirOf(context), 'sandbox'), token, logger })
      .catch(portTaken(host, ports));
    announceReady({ url: running.url });
    await aborted(signal);
    await running.close();
  } finally {
    lock.release();
  }
}
