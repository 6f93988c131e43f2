import { Option, type Command } from 'commander';
import { filesOf, readCommitted, readCommittedAt } from '../../../contracts/committed.js';
import type { Finding } from '../../../contracts/finding.js';
import { checkContracts, outdatedContracts, type Contracts } from '../../../contracts/contracts.js';
import type { GateResult } from '../../../contracts/gate.js';
import { readApiSettings } from '../../../config/worker-settings.js';
import { committedDocument } from '../../../fleet/api-document.js';
import { EXCEPTIONS_FILE, readExceptions, withoutExceptions } from '../../../contracts/exceptions.js';
import { readRetired } from '../../../contracts/retired.js';
import type { SampleFinding } from '../../../contracts/samples.js';
import type { Fleet } from '../../../fleet/define-fleet.js';
import { readersOf } from '../../../fleet/readers.js';
import type { Context } from '../../shared/context.js';
import { examples } from '../../shared/examples.js';
import { CommandFailed, UsageError } from '../../shared/failure.js';
import { reportHistory, type HistoryFlags } from './report-history.js';

interface Flags {
  against?: string;
  json?: boolean;
  annotations?: boolean;
}

interface CheckFlags extends Flags, HistoryFlags {
  history?: boolean;
}

/** A finding with the parts of the fleet that it hurts. */
type ReportedFinding = Finding & { readers: string[] };

export function registerCheck(schemas: Command, context: Context): void {
  schemas
    .command('check')
    .description(
      'compare the schemas of the catalogue and the OpenAPI document of the API with the committed ones; exit code 1 if a change breaks readers, or a file is out of date',
    )
    .option('--against <ref>', 'compare with the schemas where this branch left a branch, tag or commit of git')
    .addOption(new Option('--json', 'print JSON').conflicts('annotations'))
    .option('--annotations', 'print annotations of GitHub Actions')
    .addOption(
      new Option(
        '--history',
        'instead, read every stored event, archive, timer, dead letter and waiting retry with the catalogue; exit code 1 if one is unreadable, or a place could not be read',
      ).conflicts(['against', 'annotations']),
    )
    .option('--service <service...>', 'with --history: only the stores of these services, and nothing in the broker')
    .option('--no-broker', 'with --history: nothing in the broker')
    .addHelpText(
      'after',
      examples(
        ['flotilla schemas check', 'compare with the files in schemas/'],
        ['flotilla schemas check --against main --annotations', 'compare with the branch main, in a workflow of GitHub'],
        ['flotilla schemas check --against main', 'compare with the branch main'],
        ['flotilla schemas check --history', 'read all of history with the catalogue of this checkout'],
        ['flotilla schemas check --history --service core', 'read the events of one store'],
      ),
    )
    .action(async ({ history = false, ...flags }: CheckFlags) => {
      if (history) return reportHistory(flags, context);
      if (flags.service !== undefined || flags.broker === false) {
        throw new UsageError('--service and --no-broker require --history');
      }
      return runCheck(flags, context);
    });
}

async function runCheck({ against, ...format }: Flags, context: Context): Promise<void> {
  const fleet = await context.fleet();
  const contracts = contractsOf(fleet, context);
  const files = await readCommitted(context.cwd);
  const base = against === undefined ? files : await readCommittedAt(context.cwd, against, context.signal);
  const result = checkContracts(contracts, base, await readRetired(context.cwd));
  const outdated = [...filesOf(outdatedContracts(contracts, files)).keys()];
  const errors = await reportResult(fleet, result, { ...format, outdated }, context);
  if (errors + outdated.length > 0) throw new CommandFailed('the schemas do not pass');
}

/** The messages and the API of a fleet. Throws `config.invalid` for a missing setting of the API. */
export function contractsOf(fleet: Fleet, { env }: Pick<Context, 'env'>): Contracts {
  const settings = fleet.api === undefined ? {} : readApiSettings(fleet.api.settings, env);
  return { definitions: fleet.catalogue.definitions, api: committedDocument(fleet, settings) };
}

/** Prints the result of the gate, and resolves with the number of errors. */
export async function reportResult(
  fleet: Fleet,
  { findings: all, sampleFindings, compared, comparedOperations }: GateResult,
  { json, annotations, outdated }: Flags & { outdated: readonly string[] },
  { cwd, print, printJson }: Context,
): Promise<number> {
  const today = new Date().toISOString().slice(0, 10);
  const { findings, permitted, useless } = withoutExceptions(all, await readExceptions(cwd), today);
  const reported = findings.map((finding) => ({ ...finding, readers: hurtBy(finding, fleet) }));
  const warnings = findings.filter(({ severity }) => severity === 'warning').length;
  const errors = findings.length - warnings + sampleFindings.length;
  if (json === true) {
    printJson({ findings: reported, sampleFindings, permitted, useless, outdated, compared, comparedOperations }, 2);
    return errors;
  }
  if (annotations === true) {
    for (const finding of reported) print(annotationOf(finding));
    for (const { rule, type, version, why } of sampleFindings) {
      print(annotation('error', `schemas/${type}/${version}.samples.json`, rule, why));
    }
    for (const path of outdated) print(annotation('error', path, 'out of date', 'Run flotilla schemas write.'));
    return errors;
  }
  for (const text of [...reported.flatMap(linesOf), ...sampleFindings.flatMap(linesOfSample)]) print(text);
  for (const path of outdated) print(`${path} is missing or out of date: run flotilla schemas write`);
  for (const { rule, type, version, until } of useless) {
    print(`${EXCEPTIONS_FILE}: ${rule} of ${nameOf({ type, version })} (until ${until}) permits nothing: remove it`);
  }
  const operations = comparedOperations === undefined ? '' : ` and ${counted(comparedOperations, 'operation')}`;
  print(
    `${counted(compared, 'version')}${operations} compared: ${counted(errors, 'error')}, ${counted(warnings, 'warning')}` +
      (permitted.length === 0 ? '' : `, ${permitted.length} permitted by exceptions`) +
      (outdated.length === 0 ? '' : `, ${counted(outdated.length, 'file')} out of date`),
  );
  return errors;
}

function hurtBy({ type, version }: Finding, fleet: Fleet): string[] {
  return version === undefined ? ['clients of the API'] : readersOf(fleet, type);
}

/** `order.created 1`; an operation has no version. */
function nameOf({ type, version }: { type: string; version?: number | undefined }): string {
  return version === undefined ? type : `${type} ${version}`;
}

function annotationOf({ severity, rule, type, version, field, why, remedy }: ReportedFinding): string {
  const name = version === undefined ? `${rule} ${type}` : rule;
  const title = field === '' ? name : `${name} ${field}`;
  const file = version === undefined ? 'schemas/openapi.json' : `schemas/${type}/${version}.json`;
  return annotation(severity, file, title, `${why} ${remedy}`);
}

/** Source: https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands */
function annotation(level: 'error' | 'warning', file: string, title: string, message: string): string {
  const property = (text: string) => escaped(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
  return `::${level} file=${property(file)},title=${property(title)}::${escaped(message)}`;
}

function escaped(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

/** A finding as lines of text: the first line alone says what is wrong. */
function linesOf(finding: ReportedFinding): string[] {
  const { severity, rule, type, version, field, pointer, before, after, why, readers, remedy } = finding;
  const { refusedStored, refusedWritten } = finding;
  const values = [before === undefined ? '' : `was ${shown(before)}`, after === undefined ? '' : `is ${shown(after)}`];
  return [
    `${severity.toUpperCase()} ${rule}  ${nameOf({ type, version })}${field === '' ? '' : `  ${field}`}`,
    line('at', [pointer === '' ? '(the data)' : pointer, ...values.filter((text) => text !== '')].join('  ')),
    line('why', why),
    ...(refusedStored === undefined ? [] : [line('refused', `${version === undefined ? 'sent' : 'stored'} by old code: ${shown(refusedStored)}`)]),
    ...(refusedWritten === undefined ? [] : [line('refused', `by old code: ${shown(refusedWritten)}`)]),
    line('readers', readers.join(', ') || 'none in this fleet'),
    line('remedy', remedy),
  ];
}

function linesOfSample({ rule, type, version, index, data, expected, actual, why }: SampleFinding): string[] {
  return [
    `ERROR ${rule}  ${type} ${version}  sample ${index + 1}`,
    line('data', shown(data)),
    line('expected', shown(expected)),
    ...(actual === undefined ? [] : [line('actual', shown(actual))]),
    line('why', why),
    line(
      'remedy',
      rule === 'upcast-refused'
        ? 'Correct the upcaster.'
        : 'Undo the change; an upcaster must read stored data as it did before.',
    ),
  ];
}

function line(label: string, text: string): string {
  return `  ${label.padEnd(10)}${text}`;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

const MAX_SHOWN = 200;

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? '';
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}
