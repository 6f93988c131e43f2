import type { Command } from 'commander';
import { dataDirOf } from '../runtime/place.js';
import { requireReadableDataDir } from '../supervisor/data-directory/data-dir.js';
import { emptyProgram } from './empty-program.js';
import type { Context } from './shared/context.js';

/** Adds commands to the program. */
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
  const program = emptyProgram(context, version);
  for (const { register } of modules) register(program, context);
  program.hook('preAction', (_, command) => {
    if (!WITHOUT_DATA.has(groupOf(command))) requireReadableDataDir(dataDirOf(context));
  });
  return program;
}
