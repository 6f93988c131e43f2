import type { Command } from 'commander';
import type { Context } from '../../shared/context.js';
import { examples } from '../../shared/examples.js';
import { printList } from '../../shared/output/print-list.js';
import { inspectStore, storeNames } from './inspect.js';

export function registerList(stores: Command, context: Context): void {
  stores
    .command('list')
    .description('list the store of each service and whether its file is the recorded one')
    .option('--json', 'print JSON')
    .addHelpText('after', examples(['flotilla stores list', 'check the store of each service']))
    .action(async ({ json = false }: { json?: boolean }) => {
      const items = storeNames(await context.fleet()).map((service) => inspectStore(context, service));
      printList(context, items, {
        json,
        columns: {
          service: ({ service }) => service,
          state: ({ state }) => state,
          id: ({ id }) => id ?? '-',
          path: ({ path }) => path,
        },
      });
    });
}
