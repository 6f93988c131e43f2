import type { Command } from 'commander';
import { showConfig, showSettings, type ShownVariable } from '../../config/show-config.js';
import { developmentSettings } from '../../config/worker-settings.js';
import type { Context } from '../shared/context.js';
import { examples } from '../shared/examples.js';
import { printList } from '../shared/output/print-list.js';
import { workerDefinitionOf } from '../../worker/definition/worker-definition.js';

export function register(program: Command, context: Context): void {
  const config = program.command('config');
  config
    .command('show')
    .description('list every variable with its value in this shell and whether it is set; secrets are masked')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      examples(
        ['flotilla config show', 'print the configuration in force'],
        ['flotilla config show --json', 'print JSON'],
      ),
    )
    .action((flags: { json?: boolean }) => runShow(flags, context));
}

async function runShow(flags: { json?: boolean }, context: Context): Promise<void> {
  const items = [...showConfig(context.env), ...(await settingsOfFleet(context))];
  printList(context, items, {
    ...flags,
    freeText: ['value'],
    columns: { variable: (item) => item.variable, value: (item) => item.value, from: (item) => item.from },
  });
}

async function settingsOfFleet({ env, ...context }: Context): Promise<ShownVariable[]> {
  const fleet = await context.fleet();
  const { workers, api, sandbox } = fleet;
  const ofWorkers = workers.map(workerDefinitionOf).map(({ name, settings }) => [name, settings] as const);
  const schemas = {
    ...Object.fromEntries(ofWorkers),
    ...(api !== undefined && { 'the API': api.settings }),
    ...(sandbox !== undefined && { 'the sandbox': sandbox.settings }),
  };
  return showSettings(schemas, env, developmentSettings(fleet, env));
}
