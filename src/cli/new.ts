import type { Command } from 'commander';
import type { Context } from './context.js';
import { pattern } from './type-patterns.js';
import { scaffoldWorker } from './new-worker/scaffold.js';

export function register(program: Command, context: Context): void {
  program
    .command('new')
    .description('begin something new')
    .command('worker')
    .description('a worker: its folder, a test, its place in config/fleet.ts and docker-compose.yml')
    .argument('<name>', 'lower-case letters, digits and dashes')
    .option('--on <type>', 'the event that it handles at first', pattern)
    .option('--json', 'for programs')
    .action(async (name: string, { on, json = false }: { on?: string; json?: boolean }) => {
      const { definitions } = (await context.fleet()).catalogue;
      const files = await scaffoldWorker({ root: context.cwd, name, on, definitions });
      if (json) {
        context.print(JSON.stringify({ items: files, total: files.length }, null, 2));
        return;
      }
      for (const file of files) context.print(file);
      context.say(`Next: npm test -- test/workers/${name}.test.ts, then restart the fleet.`);
    });
}
