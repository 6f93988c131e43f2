import { commandsIn } from './commands/index.js';

// Help, the version and the error of a mistyped command are printed without loading the libraries and the fleet.
await (commandsIn(process.argv.slice(2)).length === 0 ? import('./help.js') : import('./run-command.js'));
