import { dirname } from 'node:path';
import { createContext } from './shared/context.js';
import { FlotillaError, stackOf } from '../errors.js';
import { armFailpoint } from '../failpoints.js';
import { announceFailure } from '../supervisor/child-process.js';
import { exitCodeOf, failureLines } from './shared/failure.js';
import { commands, commandsIn, loadCommands } from './commands/index.js';
import { buildProgram, groupOf } from './program.js';
import { manifestPath } from '../files/library-manifest.js';
import { libraryVersion } from '../runtime/version.js';
import { exitWithoutReader } from './shared/output/exit-without-reader.js';
import { listenForSignals } from './shared/signals.js';
import { requireSupportedNode } from '../supported-node.js';
import { tolerateFailures } from '../telemetry/log-output.js';

/** Milliseconds for which a finished process waits for open handles. */
const EXIT_TIMEOUT_MS = 5000;

/** Runs the command of the command line and sets the exit code. `main` is the file of this program. */
export async function runCommand(main: string): Promise<void> {
  const version = libraryVersion();
  const [command = ''] = process.argv
    .slice(2)
    .filter((word, index, words) => !/^--fleet(=|$)/.test(word) && words[index - 1] !== '--fleet');
  const service = commands.find(({ name }) => name === command)?.service;

  const context = createContext({
    env: process.env,
    cwd: process.cwd(),
    program: main,
    packageRoot: dirname(manifestPath()),
    version,
    signals: listenForSignals(process),
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    service,
  });

  tolerateFailures(process.stderr);
  if (service === undefined) exitWithoutReader(process.stdout, (line) => context.say(line));
  else tolerateFailures(process.stdout);
  // Node.js would print the error with all of its properties, which may be secret or personal
  process.on('uncaughtException', (error) => {
    fail(error, stackOf(error));
    process.exit(1);
  });
  if (context.printsJson) {
    process.removeAllListeners('warning');
    process.on('warning', ({ name, message }) => context.say(`${name}: ${message}`, { level: 'warn' }));
  }

  const program = buildProgram(await loadCommands(commandsIn(process.argv.slice(2))), context, version);
  program.hook('preAction', (_, command) => {
    if (command.name() !== 'doctor') requireSupportedNode();
    // only the owner may read the files of a fleet and its broker; source files have the usual permissions
    if (groupOf(command) !== 'new') process.umask(0o077);
    // the supervisor passes the failpoint to its processes, and kills them itself at the second signal
    if (command.name() === 'up') return;
    const { failpoint } = context.config;
    if (failpoint !== undefined) armFailpoint(failpoint);
    context.forced.addEventListener('abort', () => process.exit(130));
  });

  try {
    await program.parseAsync(process.argv);
  } catch (error) {
    // a stop on request is no failure, even during the start
    const stopped = context.signal.aborted && error === context.signal.reason;
    // the supervisor prints one line for all of its processes that fail for the same reason
    if (!stopped && !announceFailure(error)) fail(error);
    process.exitCode = stopped ? 0 : exitCodeOf(error);
  }
  if (process.connected) process.disconnect();
  // an abandoned handler may keep a socket or a timer open
  setTimeout(() => process.exit(), EXIT_TIMEOUT_MS).unref();

  function fail(error: unknown, stack?: string): void {
    const code = error instanceof FlotillaError ? error.code : undefined;
    for (const line of failureLines(error)) context.say(line, { level: 'error', code, stack });
    if (!context.printsJson) for (const line of stack?.split('\n') ?? []) context.say(`  | ${line}`);
  }
}
