import type { Argument, Command, Option } from 'commander';
import { loadCommands } from '../../src/cli/commands/index.js';
import { buildProgram } from '../../src/cli/program.js';
import { createContext } from '../../src/cli/shared/context.js';
import { EXAMPLES_HEADING } from '../../src/cli/shared/examples.js';
import { code, page, plain, table } from './markdown.js';

/** The program of `flotilla`, used only to print help. */
export async function program(): Promise<Command> {
  const never = new AbortController().signal;
  const nowhere = { write: () => undefined };
  const context = createContext({
    env: {},
    cwd: '',
    program: '',
    packageRoot: '',
    version: '',
    signals: { stop: never, force: never },
    stdin: {},
    stdout: nowhere,
    stderr: nowhere,
  });
  return buildProgram(await loadCommands(), context, '');
}

export function cliPage(root: Command): string {
  return page(
    'Command line',
    'src/cli/commands',
    'Run the commands in the folder of the fleet. `flotilla help <command>` prints the same text.',
    'Exit codes: 0 success; 1 failure, also for an unknown name, id or type; 2 incorrect usage or configuration. Errors are printed on standard error; their codes are in [Errors](./errors.md).',
    '## Options of every command',
    options(root.options),
    ...leaves(root).map((command) => section(command)),
  );
}

/** Returns the commands that can be run, in the order of the help. */
export function leaves(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leaves);
}

/** `dead list` */
export function nameOf(command: Command): string {
  const { parent } = command;
  return parent === null || parent.parent === null ? command.name() : `${nameOf(parent)} ${command.name()}`;
}

/** Returns the lines below the heading of the examples in the help of a command. */
export function examplesOf(command: Command): string[] {
  const lines: string[] = [];
  command.configureOutput({ writeOut: (text) => lines.push(...text.trimEnd().split('\n')) });
  command.outputHelp();
  const from = lines.indexOf(EXAMPLES_HEADING);
  return from === -1 ? [] : lines.slice(from + 1).map((line) => line.trim());
}

function section(command: Command): string {
  return [
    `## flotilla ${nameOf(command)}`,
    sentence(command.description()),
    `\`\`\`text\nflotilla ${nameOf(command)} ${command.usage()}\n\`\`\``,
    command.registeredArguments.length === 0 ? '' : argumentTable(command.registeredArguments),
    command.options.length === 0 ? '' : options(command.options),
    `\`\`\`sh\n${examplesOf(command).join('\n')}\n\`\`\``,
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

function sentence(text: string): string {
  return `${plain(text.charAt(0).toUpperCase() + text.slice(1))}.`;
}

function argumentTable(all: readonly Argument[]): string {
  return table(
    ['argument', 'meaning'],
    all.map((argument) => [
      code(argument.required ? `<${name(argument)}>` : `[${name(argument)}]`),
      plain(argument.description),
    ]),
  );
}

const name = (argument: Argument) => `${argument.name()}${argument.variadic ? '...' : ''}`;

function options(all: readonly Option[]): string {
  return table(
    ['option', 'meaning', 'default'],
    all.map(({ flags, description, argChoices, defaultValue, defaultValueDescription }) => [
      code(flags),
      plain([description, argChoices && `one of ${argChoices.join(', ')}`].filter(Boolean).join('; ')),
      defaultValueDescription ?? defaultText(defaultValue),
    ]),
  );
}

function defaultText(value: unknown): string {
  return value === undefined || (Array.isArray(value) && value.length === 0) ? '' : code(JSON.stringify(value));
}
