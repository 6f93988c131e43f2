import { Command } from 'commander';
import type { Context } from './shared/context.js';

/** Returns the program without commands, which prints with the methods of the context. */
export function emptyProgram(
  { print, say, useFleet }: Pick<Context, 'print' | 'say' | 'useFleet'>,
  version: string,
): Command {
  const program = new Command('flotilla')
    .description('Run and operate an event-driven worker fleet on RabbitMQ.')
    .version(version)
    .option('--fleet <path>', 'the file of the fleet (default: config/fleet.ts, else dist/config/fleet.js)')
    .showHelpAfterError('(see flotilla help <command>)')
    .configureOutput({
      writeOut: (text) => linesIn(text).forEach((line) => print(line)),
      writeErr: (text) => linesIn(text).forEach((line) => say(line)),
      // the message quotes the command line, which may contain a line break
      outputError: (text) => say(text.trimEnd().replace('\n(', ' (')),
    })
    .exitOverride();
  program.on('option:fleet', (file: string) => useFleet(file));
  return program;
}

function linesIn(text: string): string[] {
  return text.trimEnd().split('\n');
}
