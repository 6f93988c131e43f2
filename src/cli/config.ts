import type { Command } from 'commander';
import { showConfig } from '../../config/show.js';
import type { Context } from './context.js';
import { printList } from './output.js';

export function register(program: Command, context: Context): void {
  const config = program.command('config').description('the configuration that is in force');
  config
    .command('show')
    .description('every variable, its value, and whether it was set; secrets are masked')
    .option('--json', 'for programs')
    .action(({ json }: { json?: boolean }) => {
      printList(context, showConfig(context.env), {
        json,
        columns: { variable: (item) => item.variable, value: (item) => item.value, from: (item) => item.from },
      });
    });
}
