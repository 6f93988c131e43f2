import { createRequire } from 'node:module';
import * as config from './config.js';
import { createContext } from './context.js';
import { exitCodeOf, failureLine } from './failure.js';
import { buildProgram, type CommandModule } from './program.js';
import { listenForSignals } from './signals.js';

const modules: readonly CommandModule[] = [config];

const context = createContext({
  env: process.env,
  cwd: process.cwd(),
  signals: listenForSignals(process),
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
});

const { version } = createRequire(import.meta.url)('flotilla/package.json') as { version: string };

try {
  await buildProgram(modules, context, version).parseAsync(process.argv);
} catch (error) {
  const line = failureLine(error);
  if (line !== undefined) context.say(line);
  process.exitCode = exitCodeOf(error);
}
