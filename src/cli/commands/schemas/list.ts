import type { Command } from 'commander';
import { readRetired, retiredVersionsOf } from '../../../contracts/retired.js';
import { readersOf } from '../../../fleet/readers.js';
import type { Context } from '../../shared/context.js';
import { examples } from '../../shared/examples.js';
import { printList } from '../../shared/output/print-list.js';

export function registerList(schemas: Command, context: Context): void {
  schemas
    .command('list')
    .description('list the versions of every message type, the retired ones, and who reads it')
    .option('--json', 'print JSON')
    .addHelpText('after', examples(['flotilla schemas list', 'every type with its versions and readers']))
    .action((flags: { json?: boolean }) => runList(flags, context));
}

async function runList({ json = false }: { json?: boolean }, context: Context): Promise<void> {
  const fleet = await context.fleet();
  const retired = await readRetired(context.cwd);
  const items = Object.entries(fleet.catalogue.definitions)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([type, { kind, versions }]) => ({
      type,
      kind,
      versions: Object.keys(versions).map(Number),
      retired: retiredVersionsOf(retired, type),
      readers: readersOf(fleet, type),
    }));
  printList(context, items, {
    json,
    freeText: ['readers'],
    columns: {
      type: ({ type }) => type,
      kind: ({ kind }) => kind,
      versions: ({ versions, retired: past }) =>
        versions.join(', ') + (past.length === 0 ? '' : ` (retired ${past.join(', ')})`),
      readers: ({ readers }) => readers.join(', '),
    },
  });
}
