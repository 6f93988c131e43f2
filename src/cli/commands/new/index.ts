import { relative, resolve } from 'node:path';
import type { Command } from 'commander';
import type { Context } from '../../shared/context.js';
import { examples } from '../../shared/examples.js';
import { UsageError } from '../../shared/failure.js';
import { newEvent } from './new-event.js';
import { newFleet } from './new-fleet.js';
import { newVersion } from './new-version.js';
import { newWorker } from './new-worker.js';
import type { Added } from './project.js';
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
      examples(
        ['flotilla new worker audit --on order.created', 'add a worker that handles one event'],
        ['flotilla new worker audit --on order.created@1', 'add a worker that handles version 1 of the event'],
      ),
    )
    .action((name: string, flags: { on: string[]; json?: boolean }) => runNewWorker(name, flags, context));
  group
    .command('event')
    .description('add a message type: its declaration in platform/, its schema with samples, and a test')
    .argument('<type>', 'two or three dotted lower-case words')
    .option('--command', 'a command, which one worker handles')
    .option(
      '--worker <name>',
      'the worker that handles the command; it is added if it does not exist (default: the first word)',
    )
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      examples(
        ['flotilla new event order.paid', 'add an event'],
        ['flotilla new event order.archive --command --worker orders', 'add a command with a handler in a worker'],
      ),
    )
    .action((type: string, flags: EventFlags) => runNewEvent(type, flags, context));
  group
    .command('version')
    .description('add a version to a message type: its schema, an upcaster, samples and a test')
    .argument('<type>', 'a type of the catalogue')
    .option('--json', 'print JSON')
    .addHelpText('after', examples(['flotilla new version order.created', 'begin the next version of a type']))
    .action((type: string, flags: { json?: boolean }) => runNewVersion(type, flags, context));
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
  const { cwd: root, packageRoot } = context;
  report(await newWorker({ root, packageRoot, name, on, fleet: await context.fleet() }), json, context);
  context.say('Next: run its test, then restart the fleet.');
}

interface EventFlags {
  command?: boolean;
  worker?: string;
  json?: boolean;
}

async function runNewEvent(
  type: string,
  { command = false, worker, json = false }: EventFlags,
  context: Context,
): Promise<void> {
  if (worker !== undefined && !command)
    throw new UsageError('--worker belongs to --command: any worker handles an event');
  const { cwd: root, packageRoot } = context;
  const kind = command ? 'command' : 'event';
  report(await newEvent({ root, packageRoot, type, kind, worker, fleet: await context.fleet() }), json, context);
}

async function runNewVersion(type: string, { json = false }: { json?: boolean }, context: Context): Promise<void> {
  const { cwd: root, packageRoot } = context;
  report(await newVersion({ root, packageRoot, type, fleet: await context.fleet() }), json, context);
}

function report({ files, byHand }: Added, json: boolean, { print, printJson, say }: Context): void {
  if (json) printJson({ items: files, total: files.length, byHand }, 2);
  else for (const file of files) print(file);
  for (const line of byHand) say(line);
}
