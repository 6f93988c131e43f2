import * as module from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { manifestPath } from '../files/library-manifest.js';
import { commandsIn } from './commands/index.js';

const called = commandsIn(process.argv.slice(2));
// Who can write to the folder of the library can change its code as well; if no user here can, nothing is cached. A process
// that runs for long starts rarely, and would keep more memory. A release of Node.js that is too old lacks the cache.
if ('enableCompileCache' in module && called.every(({ service }) => service === undefined)) {
  module.enableCompileCache(join(dirname(manifestPath()), 'dist', '.compile-cache'));
}
// Help, the version and the error of a mistyped command are printed without loading the libraries and the fleet.
if (called.length === 0) await import('./help.js');
else await (await import('./run-command.js')).runCommand(fileURLToPath(import.meta.url));
