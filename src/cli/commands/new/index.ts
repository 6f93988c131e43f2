import type { Command } from 'commander';
import type { Context } from '../../shared/context.js';
import { scaffoldWorker } from './scaffold.js';
import { PATTERN_HELP, patterns } from '../../shared/type-patterns.js';

export function register(program: Command, context: Context): void {
  program
    .command('new')
    .description('add to the fleet')
    .command('worker')
    .description('add a worker: its folder, a test, its place in config/fleet.ts and docker-compose.yml')
    .argument('<name>', 'lower-case letters, digits and dashes')
    .option('--on <pattern>', `an event that it handles: ${PATTERN_HELP}; may be given several times`, patterns, [])
    .option('--json', 'for programs')
    .action(async (name: string, { on, json = false }: { on: string[]; json?: boolean }) => {
      const fleet = await context.fleet();
      const files = await scaffoldWorker({ root: context.cwd, name, on, fleet });
      if (json) {
        context.printJson({ items: files, total: files.length }, 2);
        return;
      }
      for (const file of files) context.print(file);
      context.say(`Next: npm test -- test/workers/${name}.test.ts, then restart the fleet.`);
    });
}
