import type { Command } from 'commander';
import { readCommitted, writeCommitted } from '../../../contracts/committed.js';
import { checkContracts, outdatedContracts } from '../../../contracts/contracts.js';
import type { GateResult } from '../../../contracts/gate.js';
import { readRetired } from '../../../contracts/retired.js';
import { withoutNewest } from '../../../contracts/replace.js';
import { MIN_SAMPLES } from '../../../contracts/samples.js';
import { definitionOf, type Definitions } from '../../../events/definitions.js';
import { requireKnown } from '../../../text/known-names.js';
import type { Context } from '../../shared/context.js';
import { examples } from '../../shared/examples.js';
import { CommandFailed, UsageError } from '../../shared/failure.js';
import { collect } from '../../shared/input/arguments.js';
import { contractsOf, reportResult } from './check.js';

export function registerWrite(schemas: Command, context: Context): void {
  schemas
    .command('write')
    .description('write the schemas of the catalogue, samples of their data, and the OpenAPI document of the API to files; refused with exit code 1 if a change breaks readers')
    .option(
      '--replace <type@version>',
      'replace the files of the newest version of a type, which no process has written yet; can be repeated',
      collect,
      [],
    )
    .addHelpText(
      'after',
      examples(
        ['flotilla schemas write', 'write new and changed files in schemas/'],
        ['flotilla schemas write --replace order.created@2', 'version 2 was changed before it was published'],
      ),
    )
    .action((flags: { replace: string[] }) => runWrite(flags, context));
}

async function runWrite({ replace }: { replace: string[] }, context: Context): Promise<void> {
  const fleet = await context.fleet();
  const contracts = contractsOf(fleet, context);
  const { definitions } = contracts;
  const committed = replace
    .map((version) => requireNewest(definitions, version))
    .reduce((kept, type) => withoutNewest(definitions, kept, type), await readCommitted(context.cwd));
  const result = checkContracts(contracts, committed, await readRetired(context.cwd));
  if (result.findings.length + result.sampleFindings.length > 0) {
    const errors = await reportResult(fleet, result, { outdated: [] }, context);
    if (errors > 0) {
      const flags = [...new Set([...replace, ...newestRefused(definitions, result)])].map((each) => `--replace ${each}`);
      if (flags.length > 1) {
        context.say(`If no process has written these versions yet: flotilla schemas write ${flags.join(' ')}`);
      }
      throw new CommandFailed('a change breaks readers');
    }
  }
  const outdated = outdatedContracts(contracts, committed);
  const written = await writeCommitted(context.cwd, outdated);
  for (const path of written) context.print(path);
  if (written.length === 0) context.say('Every file is up to date.');
  for (const { type, version, samples } of outdated.samples) {
    if (samples.samples.length >= MIN_SAMPLES) continue;
    context.say(`${type} ${version} has ${samples.samples.length} samples; add some by hand, up to ${MIN_SAMPLES}`);
  }
}

/** Returns the type of `order.created@2`. Throws `UsageError` unless that is its newest version. */
function requireNewest(definitions: Definitions, text: string): string {
  const [type = '', version] = text.split('@', 2);
  requireKnown('type', type, Object.keys(definitions));
  const newest = definitionOf(definitions, type)?.latest;
  if (version === String(newest)) return type;
  throw new UsageError(`--replace ${text}: only the newest version can be replaced, ${type}@${newest}`);
}

/** The newest versions whose changes break readers. */
function newestRefused(definitions: Definitions, { findings }: GateResult): string[] {
  return findings
    .filter(({ severity, type, version }) => severity === 'error' && definitionOf(definitions, type)?.latest === version)
    .map(({ type, version }) => `${type}@${version}`);
}
