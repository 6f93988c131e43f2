import type { Command } from 'commander';
import type { DataEntry } from '../../supervisor/data-directory/data-files.js';
import { refuseWhileUp, reset, resettable } from '../../supervisor/data-directory/reset.js';
import { messageOf } from '../../errors.js';
import { removeDockerBroker } from '../../supervisor/broker/docker-broker.js';
import { confirm } from '../shared/input/confirm.js';
import type { Context } from '../shared/context.js';
import { examples } from '../shared/examples.js';
import { UsageError } from '../shared/failure.js';
import { dataDirOf } from '../../runtime/place.js';
import { releaseClaims } from '../../runtime/stores/store-claims.js';

export function register(program: Command, context: Context): void {
  program
    .command('reset')
    .option('--yes', 'do not ask for confirmation')
    .addHelpText('after', examples(['flotilla reset', 'remove the data of this fleet, after confirmation']))
    .action((flags: { yes?: boolean }) => runReset(flags, context));
}

async function runReset({ yes = false }: { yes?: boolean }, context: Context): Promise<void> {
  const { config } = context;
  const dataDir = dataDirOf(context);
  const contents = resettable(dataDir);
  if (contents.own.length === 0) {
    context.say(`${dataDir} contains no data of Flotilla.`);
    return;
  }
  refuseWhileUp(dataDir);
  if (!yes) {
    if (!context.interactive)
      throw new UsageError('reset asks before it removes anything; without a terminal say --yes');
    for (const item of contents.own) context.say(`  ${describe(item)}`);
    if (!(await confirm(`Remove all this from ${dataDir}?`, context))) {
      context.say('Nothing was removed.');
      return;
    }
  }
  const removed = await reset(dataDir, config.drainTimeout, () => forgetBroker(dataDir, context));
  for (const item of removed.own) context.print(`removed ${describe(item)}`);
  if (removed.foreign.length > 0) context.say(`Kept, because Flotilla did not create it: ${listed(removed.foreign)}`);
}

/** A new fleet in this folder has new stores, which the claims of the old stores would refuse on the same broker. */
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

const MAX_LISTED = 20;

function listed(names: readonly string[]): string {
  const rest = names.length - MAX_LISTED;
  return names.slice(0, MAX_LISTED).join(', ') + (rest > 0 ? ` and ${rest} more` : '');
}

function describe({ name, bytes }: DataEntry): string {
  return `${name} (${bytes < 1_000_000 ? `${Math.ceil(bytes / 1000)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`})`;
}
