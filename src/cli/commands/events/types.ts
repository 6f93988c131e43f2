import type { Command } from 'commander';
import { describeTypes, type DescribedField, type DescribedType } from '../../../fleet/describe-types.js';
import { examples } from '../../shared/examples.js';
import type { Context } from '../../shared/context.js';
import { printList, table } from '../../shared/output/print-list.js';
import { pattern, PATTERN_HELP, requireMatch } from '../../shared/input/type-patterns.js';

export function registerTypes(events: Command, context: Context): void {
  events
    .command('types')
    .description('list the event and command types of the fleet, or the fields of those that match')
    .argument('[type]', PATTERN_HELP, pattern)
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      examples(
        ['flotilla events types', 'every type, who emits it and who handles it'],
        ['flotilla events types order.created', 'the fields of one type'],
      ),
    )
    .action((type: string | undefined, flags: { json?: boolean }) => runTypes(type, flags, context));
}

async function runTypes(wanted: string | undefined, { json = false }: { json?: boolean }, context: Context) {
  const fleet = await context.fleet();
  if (wanted !== undefined) requireMatch('type', [wanted], Object.keys(fleet.catalogue.definitions));
  const types = describeTypes(fleet, wanted);
  if (json || wanted === undefined) {
    printList(context, types, {
      json,
      freeText: ['emitted by', 'handled by'],
      columns: {
        type: ({ type }) => type,
        kind: ({ kind }) => kind,
        version: ({ version }) => String(version),
        'emitted by': ({ emittedBy, outside }) => [...emittedBy, ...outside].join(', '),
        'handled by': ({ handledBy }) => handledBy.join(', '),
      },
    });
    return;
  }
  types.forEach((type, index) => printType(type, index, context));
}

function printType(described: DescribedType, index: number, { print, width }: Context): void {
  const { type, kind, version, emittedBy, handledBy, outside, fields } = described;
  if (index > 0) print('');
  print(`${type}  ${kind}, version ${version}`);
  print(`emitted by  ${emittedBy.join(', ') || 'no declared service'}`);
  if (outside.length > 0) print(`from outside  ${outside.join(', ')}`);
  print(`handled by  ${handledBy.join(', ') || 'no worker'}`);
  if (fields.length > 0) for (const line of table(fields, columns, { width, freeText: ['type', 'notes'] })) print(line);
}

const columns = {
  field: ({ path }: DescribedField) => path || '(the data)',
  type: ({ type }: DescribedField) => type,
  notes: ({ required, pii, description }: DescribedField) =>
    [!required && 'optional', pii && 'personal', description].filter(Boolean).join(', '),
};
