import { createContext, type Context } from '../../src/cli/shared/context.js';
import { exitCodeOf, failureLines } from '../../src/cli/shared/failure.js';
import { buildProgram, type CommandModule } from '../../src/cli/program.js';
import type { Fleet } from '../../src/fleet/define-fleet.js';
import { printable } from '../../src/text/printable.js';

export interface CommandOptions {
  modules: readonly CommandModule[];
  fleet: Fleet;
  env: NodeJS.ProcessEnv;
  /** The folder of the fleet. */
  cwd: string;
  /** Aborts as Ctrl-C does. */
  stop?: AbortSignal;
  /** The width of the terminal that standard output is; without it, standard output is a pipe. */
  columns?: number;
}

export interface CommandResult {
  code: number;
  /** The standard output. */
  out: string;
  /** The standard error, including the line with the reason of a failure. */
  said: string;
}

/** The environment of a command that runs in this process. */
export function contextFor(
  { fleet, env, cwd, stop, columns }: Omit<CommandOptions, 'modules'>,
  { print, say }: { print: (text: string) => void; say: (text: string) => void },
): Context {
  const never = new AbortController().signal;
  const base = createContext({
    env,
    cwd,
    program: '',
    version: '0.0.0',
    packageRoot: '',
    signals: { stop: stop ?? never, force: never },
    stdin: {},
    stdout: { write: print, ...(columns !== undefined && { isTTY: true, columns }) },
    stderr: { write: say },
  });
  return { ...base, config: base.config, fleet: async () => fleet };
}

/** Runs a command of the command line in this process, like `flotilla <args>`. */
export async function runCommand(
  { modules, ...options }: CommandOptions,
  args: readonly string[],
): Promise<CommandResult> {
  let out = '';
  let said = '';
  const context = contextFor(options, { print: (text) => (out += text), say: (text) => (said += text) });
  const code = await buildProgram(modules, context, '0')
    .parseAsync(['node', 'flotilla', ...args])
    .then(
      () => 0,
      (error: unknown) => {
        said += failureLines(error)
          .map((line) => printable(line, 4000))
          .join('\n');
        return exitCodeOf(error);
      },
    );
  return { code, out, said };
}
