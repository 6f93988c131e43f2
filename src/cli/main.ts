import { fileURLToPath } from 'node:url';
import { commandsIn } from './commands/index.js';

// Help, the version and the error of a mistyped command are printed without loading the libraries and the fleet.
if (commandsIn(process.argv.slice(2)).length === 0) await import('./help.js');
else await (await import('./run-command.js')).runCommand(fileURLToPath(import.meta.url));
