/** A command line and its effect. */
export type Example = readonly [line: string, meaning: string];

/** The heading under which `--help` and docs/reference/cli.md show the examples of a command. */
export const EXAMPLES_HEADING = 'Examples:';

/** The text that `addHelpText('after', …)` appends to the help of a command. */
export function examples(...all: readonly [Example, ...Example[]]): string {
  return ['', EXAMPLES_HEADING, ...all.flatMap(([line, meaning]) => [`  # ${meaning}`, `  ${line}`])].join('\n');
}
