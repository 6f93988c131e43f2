import type { Command } from 'commander';
import { readCommitted } from '../../../contracts/committed.js';
import { publishedSchema } from '../../../contracts/published-schema.js';
import type { Context } from '../../shared/context.js';
import { examples } from '../../shared/examples.js';
import { UsageError } from '../../shared/failure.js';
import { parseTypeVersion } from './type-version.js';

export function registerShow(schemas: Command, context: Context): void {
  schemas
    .command('show')
    .description('print the JSON Schema of one version of a message type; of a version that the catalogue lacks, the committed one')
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
  const { type, definition, version = definition.latest } = parseTypeVersion(definitions, wanted);
  if (definition.versions[version] !== undefined) {
    context.printJson(publishedSchema(type, version, definition), 2);
    return;
  }
  const { schemas } = await readCommitted(context.cwd);
  const ofType = schemas.filter((committed) => committed.type === type);
  const found = ofType.find((committed) => committed.version === version);
  if (found === undefined) {
    const known = new Set([...ofType.map((each) => each.version), ...Object.keys(definition.versions).map(Number)]);
    throw new UsageError(`${wanted}: ${type} has ${[...known].sort((a, b) => a - b).join(', ')}`);
  }
  context.say(`The catalogue does not have version ${version}; this is its committed schema.`);
  context.printJson(found.schema, 2);
}
