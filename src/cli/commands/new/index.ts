import { relative, resolve } from 'node:path';
import type { Command } from 'commander';
import type { Context } from '../../shared/context.js';
import { examples } from '../../shared/examples.js';
import { newFleet } from './new-fleet.js';
import { newWorker } from './new-worker.js';
import { PATTERN_HELP, patterns } from '../../shared/input/type-patterns.js';

export function register(program: Command, context: Context): void {
  const group = program.command('new');
  group
    .command('fleet')
    .description('create a fleet with one worker and its test, in an empty folder')
    .argument('<folder>', 'its name becomes the name of the fleet')
    .option('--json', 'print JSON')
    .addHelpText('after', examples(['flotilla new fleet hello', 'create a fleet in the folder hello']))
    .action((folder: string, flags: { json?: boolean }) => runNewFleet(folder, flags, context));
  group
    .command('worker')
    .description('add a worker: its folder, a test and a line in workers/index.ts')
    .argument('<name>', 'lower-case letters, digits and dashes')
    .option('--on <pattern>', `an event that it handles: ${PATTERN_HELP}; can be repeated`, patterns, [])
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      examples(['flotilla new worker audit --on order.created', 'add a worker that handles one event']),
    )
    .action((name: string, flags: { on: string[]; json?: boolean }) => runNewWorker(name, flags, context));
}

async function runNewFleet(argument: string, { json = false }: { json?: boolean }, context: Context): Promise<void> {
  const folder = resolve(context.cwd, argument);
  const files = await newFleet({ folder, packageRoot: context.packageRoot });
  const shown = relative(context.cwd, folder);
  if (json) {
    context.printJson({ folder, items: files, total: files.length }, 2);
    return;
  }
  for (const file of files) context.print(file);
  context.say(`Next: ${shown === '' ? '' : `cd ${shown} && `}npm install && npm test`);
  context.say('Then: npm start');
}

async function runNewWorker(
  name: string,
  { on, json = false }: { on: string[]; json?: boolean },
  context: Context,
): Promise<void> {
  const { cwd, packageRoot } = context;
  const { files, byHand } = await newWorker({ root: cwd, packageRoot, name, on, fleet: await context.fleet() });
  if (json) context.printJson({ items: files, total: files.length, byHand }, 2);
  else for (const file of files) context.print(file);
  for (const line of byHand) context.say(line);
  context.say('Next: run its test, then restart the fleet.');
}
