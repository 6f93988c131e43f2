import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as api from './api.js';
import * as config from './config.js';
import { createContext } from './context.js';
import * as dead from './dead.js';
import * as doctor from './doctor.js';
import * as events from './events.js';
import { armFailpoint } from '../failpoints.js';
import { announceFailure } from '../supervisor/child-process.js';
import { exitCodeOf, failureLines } from './failure.js';
import * as keeper from './keeper.js';
import * as newWorker from './new.js';
import { buildProgram, type CommandModule } from './program.js';
import * as projections from './projections.js';
import * as replay from './replay.js';
import * as reset from './reset.js';
import * as retrying from './retrying.js';
import * as sagas from './sagas.js';
import * as sandbox from './sandbox.js';
import { listenForSignals } from './signals.js';
import { requireSupportedNode } from '../supported-node.js';
import * as status from './status.js';
import * as stores from './stores.js';
import * as streams from './streams.js';
import * as topology from './topology.js';
import * as unrouted from './unrouted.js';
import * as up from './up.js';
import { tolerateFailures } from '../telemetry/log-output.js';
import * as worker from './worker.js';

/** In the order in which help shows them. */
const modules: readonly CommandModule[] = [
  up,
  api,
  worker,
  keeper,
  sandbox,
  status,
  topology,
  dead,
  retrying,
  unrouted,
  events,
  stores,
  streams,
  projections,
  sagas,
  replay,
  newWorker,
  reset,
  doctor,
  config,
];

const manifest = createRequire(import.meta.url).resolve('flotilla/package.json');
const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };

/** Milliseconds for which a process that is done waits for what may still be open in it. */
const EXIT_LIMIT = 5000;

const context = createContext({
  env: process.env,
  cwd: process.cwd(),
  program: fileURLToPath(import.meta.url),
  packageRoot: dirname(manifest),
  version,
  signals: listenForSignals(process),
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
});

/** Commands that run until they are told to end: what they print is less than what they do. */
const SERVICES = new Set(['up', 'api', 'worker', 'keeper', 'sandbox']);
let serving = false;

tolerateFailures(process.stderr);
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (serving) return;
  if (error.code === 'EPIPE') process.exit(0); // `flotilla dead list | head`: the reader has seen enough
  context.say(`error: standard output cannot be written: ${error.message}`);
  process.exit(1);
});

const program = buildProgram(modules, context, version);
program.hook('preAction', (_, command) => {
  if (command.name() !== 'doctor') requireSupportedNode();
  serving = SERVICES.has(command.name());
  // what a fleet writes, its broker included, is for its owner alone; source files are for everybody
  if (command.name() !== 'new') process.umask(0o077);
  // The supervisor hands the failpoint on to its processes, and ends them itself when it is told to twice.
  if (command.name() === 'up') return;
  const { failpoint } = context.config;
  if (failpoint !== undefined) armFailpoint(failpoint);
  context.forced.addEventListener('abort', () => process.exit(130));
});

try {
  await program.parseAsync(process.argv);
} catch (error) {
  // Stopping when told to is what a command should do, also in the midst of its start.
  const stopped = context.signal.aborted && error === context.signal.reason;
  const lines = stopped ? [] : failureLines(error);
  // the supervisor prints one line for all of its processes, which fail for the same reason
  if (lines.length > 0 && !announceFailure(error)) for (const line of lines) context.say(line);
  process.exitCode = stopped ? 0 : exitCodeOf(error);
}
if (process.connected) process.disconnect();
// a handler that was abandoned may hold a socket or a timer for ever
setTimeout(() => process.exit(), EXIT_LIMIT).unref();
