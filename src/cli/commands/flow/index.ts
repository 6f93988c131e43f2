import { Option, type Command } from 'commander';
import { findingsOf } from '../../../flow/findings.js';
import { flowOf } from '../../../flow/flow-of-fleet.js';
import { FLOW_FILE } from '../../../flow/committed.js';
import { examples } from '../../shared/examples.js';
import type { Context } from '../../shared/context.js';
import { pattern, PATTERN_HELP } from '../../shared/input/type-patterns.js';
import { runCheck, runWrite } from './check.js';
import { runDiff } from './diff.js';
import { FORMATS, runShow, type Format } from './show.js';

interface Flags {
  format?: Format;
  json?: boolean;
  worker?: string;
  type?: string;
  check?: boolean;
  write?: boolean;
  diff?: string;
  observed?: boolean;
}

const MODES = ['check', 'write', 'diff'] as const;

export function register(program: Command, context: Context): void {
  program
    .command('flow')
    .addOption(new Option('--format <format>', 'default: a table').choices(FORMATS))
    .addOption(new Option('--json', 'print JSON').conflicts('format'))
    .addOption(new Option('--worker <name>', 'only messages that this worker emits or reads').conflicts([...MODES]))
    .addOption(new Option('--type <pattern>', `${PATTERN_HELP}`).argParser(pattern).conflicts([...MODES]))
    .addOption(
      new Option(
        '--check',
        `fail if a cycle is not declared or ${FLOW_FILE} is out of date; warn of types that nothing emits or reads`,
      ).conflicts(['format', 'write', 'diff']),
    )
    .addOption(new Option('--write', `write the flow to ${FLOW_FILE}`).conflicts(['format', 'json', 'check', 'diff']))
    .addOption(
      new Option('--diff <ref>', 'what has changed since this branch left a branch, tag or commit of git').conflicts([
        'format',
      ]),
    )
    .addOption(new Option('--observed', 'add what the journal and the workers have counted').conflicts([...MODES]))
    .addHelpText(
      'after',
      examples(
        ['flotilla flow', 'which part emits and which part reads each type'],
        ['flotilla flow --worker payment', 'only around one worker'],
        ['flotilla flow --format svg > flow.svg', 'a picture'],
        ['flotilla flow --observed', 'how many messages, and how long they take'],
        ['flotilla flow --check', 'find cycles and dead ends, in a workflow'],
        ['flotilla flow --diff main', 'what a branch changes'],
      ),
    )
    .action((flags: Flags) => run(flags, context));
}

async function run({ check, write, diff, json = false, format, ...selection }: Flags, context: Context): Promise<void> {
  const fleet = await context.fleet();
  const flow = flowOf(fleet);
  const findings = findingsOf(flow, fleet.catalogue.definitions);
  if (check === true) return runCheck(flow, findings, { json }, context);
  if (write === true) return runWrite(flow, context);
  if (diff !== undefined) return runDiff(flow, diff, { json }, context);
  await runShow(fleet, flow, findings, { ...selection, format: json ? 'json' : format }, context);
}
