import { resolve } from 'node:path';
import type { Command } from 'commander';
import { contentsOf, refuseWhileUp, reset, type Removed } from '../supervisor/reset.js';
import { confirm } from './confirm.js';
import type { Context } from './context.js';
import { UsageError } from './failure.js';

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
  for (const item of await reset(dataDir, config.drainTimeout)) context.print(`removed ${describe(item)}`);
}

function describe({ name, bytes }: Removed): string {
  return `${name} (${bytes < 1_000_000 ? `${Math.ceil(bytes / 1000)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`})`;
}
