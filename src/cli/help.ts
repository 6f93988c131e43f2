import { libraryVersion } from '../runtime/version.js';
import { tolerateFailures } from '../telemetry/log-output.js';
import { printable } from '../text/printable.js';
import { commands, nameCommand } from './commands/index.js';
import { emptyProgram } from './empty-program.js';
import { exitCodeOf } from './shared/failure.js';
import { exitWithoutReader } from './shared/output/exit-without-reader.js';

// Runs a command line without a command: `flotilla --help`, `flotilla --version`, or a mistyped name.
const write = (stream: NodeJS.WriteStream) => (line: string) => void stream.write(`${printable(line, 4000)}\n`);
const output = { print: write(process.stdout), say: write(process.stderr), useFleet: () => undefined };
tolerateFailures(process.stderr);
exitWithoutReader(process.stdout, output.say);
const program = emptyProgram(output, libraryVersion());
for (const entry of commands) nameCommand(program, entry);
try {
  await program.parseAsync(process.argv);
} catch (error) {
  process.exitCode = exitCodeOf(error);
}
