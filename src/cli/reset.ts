import { resolve } from 'node:path';
import type { Command } from 'commander';
import { contentsOf, refuseWhileUp, reset, type Removed } from '../supervisor/reset.js';
import { messageOf } from '../errors.js';
import { removeDockerBroker } from '../supervisor/docker-broker.js';
import { confirm } from './confirm.js';
import type { Context } from './context.js';
import { UsageError } from './failure.js';
import { releaseClaims } from './store-claims.js';

export function register(program: Command, context: Context): void {
  program
    .command('reset')
    .description('remove everything that the fleet on this machine remembers: stores, broker, mailbox')
    .option('--yes', 'do not ask')
    .action((flags: { yes?: boolean }) => runReset(flags, context));
}

async function runReset({ yes = false }: { yes?: boolean }, context: Context): Promise<void> {
  const { config, cwd } = context;
  const dataDir = resolve(cwd, config.dataDir);
  const contents = await contentsOf(dataDir);
  if (contents.length === 0) {
    context.say(`There is nothing in ${dataDir}.`);
    return;
  }
  refuseWhileUp(dataDir);
  if (!yes) {
    if (!context.interactive)
      throw new UsageError('reset asks before it removes anything; without a terminal say --yes');
    for (const item of contents) context.say(`  ${describe(item)}`);
    if (!(await confirm(`Remove all this from ${dataDir}?`, context))) {
      context.say('Nothing was removed.');
      return;
    }
  }
  const removed = await reset(dataDir, config.drainTimeout, () => forgetBroker(dataDir, context));
  for (const item of removed) context.print(`removed ${describe(item)}`);
}

/** A new fleet in this folder has new stores: on a broker that stays, the claims of the old ones would refuse them. */
async function forgetBroker(dataDir: string, context: Context): Promise<void> {
  if (context.config.amqpUrl === undefined) {
    await removeDockerBroker(dataDir, context.env);
    return;
  }
  try {
    const released = await releaseClaims(context);
    if (released.length > 0) context.print(`removed the claims of ${released.join(', ')} on the broker`);
  } catch (error) {
    context.say(
      `The claims of these stores stay on the broker, and refuse new stores until \`flotilla topology take-over\`: ${messageOf(error)}`,
    );
  }
}

function describe({ name, bytes }: Removed): string {
  return `${name} (${bytes < 1_000_000 ? `${Math.ceil(bytes / 1000)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`})`;
}
