import { Command } from 'commander';
import type { Context } from './context.js';

/** A file of the command line: adds its commands to the program. Loads nothing else until one of them runs. */
export interface CommandModule {
  register: (program: Command, context: Context) => void;
}

export function buildProgram(modules: readonly CommandModule[], context: Context, version: string): Command {
  const program = new Command('flotilla')
    .description('Runs an event-driven worker fleet on RabbitMQ, and shows what it does.')
    .version(version)
    .showHelpAfterError('(flotilla help <command> says more)')
    .configureOutput({
      writeOut: (text) => context.print(text.trimEnd()),
      writeErr: (text) => context.say(text.trimEnd()),
    })
    .exitOverride();
  for (const { register } of modules) register(program, context);
  return program;
}
