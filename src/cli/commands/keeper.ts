import type { Command } from 'commander';
import { runKeeper } from '../../runtime/run-keeper.js';
import type { Context } from '../shared/context.js';
import { examples } from '../shared/examples.js';
import { runOptions, untilEnded } from '../shared/run.js';

export function register(program: Command, context: Context): void {
  program
    .command('keeper')
    .addHelpText('after', examples(['flotilla keeper', 'run the keeper; one per fleet is enough']))
    .action(async () => untilEnded(runKeeper(await context.fleet(), runOptions(context, 'keeper'))));
}
