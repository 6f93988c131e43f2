import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { requireToken } from '../../config/load-config.js';
import { readSandboxSettings } from '../../config/worker-settings.js';
import { FlotillaError } from '../../errors.js';
import { lockData } from '../../supervisor/data-directory/data-lock.js';
import { announceReady } from '../../supervisor/child-process.js';
import { beingReset } from '../../runtime/process.js';
import type { Context } from '../shared/context.js';
import { portTaken } from '../../net/port-taken.js';

export function register(program: Command, context: Context): void {
  program
    .command('sandbox')
    .description("run the fleet's sandbox, which stands in for the outside world in development")
    .action(() => runSandbox(context));
}

async function runSandbox(context: Context): Promise<void> {
  const { config, cwd, env, signal } = context;
  const { sandbox } = await context.fleet();
  if (sandbox === undefined) throw new FlotillaError('fleet.invalid', 'the fleet declares no sandbox');
  const { settings, ports, token, tokenVariables } = readSandboxSettings(sandbox, env);
  const { host } = config;
  requireToken(token, tokenVariables, { host, place: 'HOST' });
  const dataDir = resolve(cwd, config.dataDir);
  const lock = lockData(dataDir, 'use', 'shared');
  if (lock === undefined) throw beingReset(config);
  const logger = context.logger({ process: 'sandbox' });
  try {
    const running = await sandbox
      .start(settings, { host, dataDir: join(dataDir, 'sandbox'), token, logger })
      .catch(portTaken(host, ports));
    announceReady({ url: running.url });
    if (!signal.aborted) await new Promise((done) => signal.addEventListener('abort', done, { once: true }));
    await running.close();
  } finally {
    lock.release();
  }
}
