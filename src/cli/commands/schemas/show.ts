import type { Command } from 'commander';
import { publishedSchema } from '../../../contracts/published-schema.js';
import { definitionOf } from '../../../events/definitions.js';
import type { Context } from '../../shared/context.js';
import { examples } from '../../shared/examples.js';
import { UsageError } from '../../shared/failure.js';
import { requireMatch } from '../../shared/input/type-patterns.js';

export function registerShow(schemas: Command, context: Context): void {
  schemas
    .command('show')
    .description('print the JSON Schema of one version of a message type')
    .argument('<type>', 'a message type, or one of its versions: order.created@1 (default: the latest)')
    .addHelpText(
      'after',
      examples(
        ['flotilla schemas show order.created', 'the latest version'],
        ['flotilla schemas show order.created@1', 'version 1'],
      ),
    )
    .action((wanted: string) => runShow(wanted, context));
}

async function runShow(wanted: string, context: Context): Promise<void> {
  const { definitions } = (await context.fleet()).catalogue;
  const [type = '', given] = wanted.split('@', 2);
  requireMatch('type', [type], Object.keys(definitions));
  const definition = definitionOf(definitions, type);
  if (definition === undefined) throw new UsageError(`${type} is a pattern; show prints one type`);
  const version = given === undefined ? definition.latest : Number(given);
  if (definition.versions[version] === undefined) {
    throw new UsageError(
      `${type} has no version ${given ?? ''}; it has ${Object.keys(definition.versions).join(', ')}`,
    );
  }
  context.printJson(publishedSchema(type, version, definition), 2);
}
