import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as config from './config.js';
import { createContext } from './context.js';
import * as doctor from './doctor.js';
import { exitCodeOf, failureLine } from './failure.js';
import { buildProgram, type CommandModule } from './program.js';
import * as reset from './reset.js';
import { listenForSignals } from './signals.js';
import * as up from './up.js';

/** In the order in which help shows them. */
const modules: readonly CommandModule[] = [up, reset, doctor, config];

const manifest = createRequire(import.meta.url).resolve('flotilla/package.json');
const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };

const context = createContext({
  env: process.env,
  cwd: process.cwd(),
  program: fileURLToPath(import.meta.url),
  packageRoot: dirname(manifest),
  signals: listenForSignals(process),
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
});

try {
  await buildProgram(modules, context, version).parseAsync(process.argv);
} catch (error) {
  // Stopping when told to is what a command should do, also in the midst of its start.
  const stopped = context.signal.aborted && error === context.signal.reason;
  const line = stopped ? undefined : failureLine(error);
  if (line !== undefined) context.say(line);
  process.exitCode = stopped ? 0 : exitCodeOf(error);
}
if (process.connected) process.disconnect();
