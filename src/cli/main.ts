import { commandsIn } from './commands/index.js';

// Help, the version and a mistyped command need neither the libraries nor the fleet, and are printed without loading them.
await (commandsIn(process.argv.slice(2)).length === 0 ? import('./help.js') : import('./run-command.js'));
