import { Command } from 'commander';
import { requireReadableDataDir } from '../supervisor/data-directory/data-dir.js';
import { dataDirOf } from '../runtime/place.js';
import type { Context } from './shared/context.js';

/** A file of the command line: adds its commands to the program. Loads nothing else until one of them runs. */
export interface CommandModule {
  register: (program: Command, context: Context) => void;
}

/** Commands that need no data directory, or report on it themselves. */
const WITHOUT_DATA: ReadonlySet<string> = new Set(['new', 'config', 'doctor']);

/** `dead` of `flotilla dead list`. */
export function groupOf(command: Command): string {
  const { parent } = command;
  return parent === null || parent.parent === null ? command.name() : groupOf(parent);
}

export function buildProgram(modules: readonly CommandModule[], context: Context, version: string): Command {
  const program = new Command('flotilla')
    .description('Run and operate an event-driven worker fleet on RabbitMQ.')
    .version(version)
    .option('--fleet <path>', 'the file of the fleet (default: config/fleet.ts, else dist/config/fleet.js)')
    .showHelpAfterError('(see flotilla help <command>)')
    .configureOutput({
      writeOut: (text) => linesIn(text).forEach((line) => context.print(line)),
      writeErr: (text) => linesIn(text).forEach((line) => context.say(line)),
      // quotes the command line, where a line break may be
      outputError: (text) => context.say(text.trimEnd().replace('\n(', ' (')),
    })
    .exitOverride();
  program.on('option:fleet', (file: string) => context.useFleet(file));
  for (const { register } of modules) register(program, context);
  program.hook('preAction', (_, command) => {
    if (!WITHOUT_DATA.has(groupOf(command))) requireReadableDataDir(dataDirOf(context));
  });
  return program;
}

function linesIn(text: string): string[] {
  return text.trimEnd().split('\n');
}
