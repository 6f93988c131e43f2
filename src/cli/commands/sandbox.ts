import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { requireTokens } from '../../config/load.js';
import { FlotillaError } from '../../errors.js';
import { lockData } from '../../supervisor/data-lock.js';
import { announceReady } from '../../supervisor/child-process.js';
import type { Context } from '../shared/context.js';
import { portTaken } from '../shared/port-taken.js';

export function register(program: Command, context: Context): void {
  program
    .command('sandbox')
    .description('stand in for the outside world in development: payment gateway, carrier, mailbox')
    .action(() => runSandbox(context));
}

async function runSandbox(context: Context): Promise<void> {
  const { config, cwd, signal } = context;
  requireTokens(config, ['sandbox']);
  const fleet = await context.fleet();
  if (fleet.sandbox === undefined) throw new FlotillaError('fleet.invalid', 'config/fleet declares no sandbox');
  const dataDir = resolve(cwd, config.dataDir);
  const lock = lockData(dataDir, 'use', 'shared');
  if (lock === undefined) throw new FlotillaError('config.invalid', `${config.dataDir} is being reset; try again then`);
  const { host, sandboxPort, sandboxSmtpPort } = config;
  try {
    const sandbox = await fleet
      .sandbox({
        host,
        port: sandboxPort,
        smtpPort: sandboxSmtpPort,
        dataDir: join(dataDir, 'sandbox'),
        ...(config.sandboxToken !== undefined && { token: config.sandboxToken }),
        smtpLogin: config.sandboxSmtpLogin,
        logger: context.logger({ process: 'sandbox' }),
      })
      .catch(portTaken(host, { SANDBOX_PORT: sandboxPort, SANDBOX_SMTP_PORT: sandboxSmtpPort }));
    announceReady({ url: sandbox.url });
    if (!signal.aborted) await new Promise((done) => signal.addEventListener('abort', done, { once: true }));
    await sandbox.close();
  } finally {
    lock.release();
  }
}
