import type { Command } from 'commander';
import { readCommitted, writeCommitted } from '../../../contracts/committed.js';
import { checkCatalogue, outdatedFiles } from '../../../contracts/gate.js';
import { MIN_SAMPLES } from '../../../contracts/samples.js';
import type { Context } from '../../shared/context.js';
import { examples } from '../../shared/examples.js';
import { CommandFailed } from '../../shared/failure.js';
import { reportResult } from './check.js';

export function registerWrite(schemas: Command, context: Context): void {
  schemas
    .command('write')
    .description('write the schemas of the catalogue, and samples of their data, to files; refused with exit code 1 if a change breaks readers')
    .addHelpText('after', examples(['flotilla schemas write', 'write new and changed files in schemas/']))
    .action(() => runWrite(context));
}

async function runWrite(context: Context): Promise<void> {
  const fleet = await context.fleet();
  const { definitions } = fleet.catalogue;
  const committed = await readCommitted(context.cwd);
  const result = checkCatalogue(definitions, committed);
  if (result.findings.length + result.sampleFindings.length > 0) {
    const errors = await reportResult(fleet, result, { outdated: [] }, context);
    if (errors > 0) throw new CommandFailed('a change breaks readers');
  }
  const outdated = outdatedFiles(definitions, committed);
  const written = await writeCommitted(context.cwd, outdated);
  for (const path of written) context.print(path);
  if (written.length === 0) context.say('Every file is up to date.');
  for (const { type, version, samples } of outdated.samples) {
    if (samples.samples.length >= MIN_SAMPLES) continue;
    context.say(`${type} ${version} has ${samples.samples.length} samples; add some by hand, up to ${MIN_SAMPLES}`);
  }
}
