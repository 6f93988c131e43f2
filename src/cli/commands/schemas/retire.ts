import type { Command } from 'commander';
import { readCommitted } from '../../../contracts/committed.js';
import { addRetired, readRetired, RETIRED_FILE, retiredVersionsOf } from '../../../contracts/retired.js';
import { examineRetirement, type Retirement, type TypeVersion } from '../../../runtime/versions/retirement.js';
import type { Context } from '../../shared/context.js';
import { examples } from '../../shared/examples.js';
import { CommandFailed, UsageError } from '../../shared/failure.js';
import { createProgress } from '../../shared/output/progress.js';
import { withSession } from '../../shared/session.js';
import { parseTypeVersion } from './type-version.js';

/** The version to retire. */
interface Wanted extends TypeVersion {
  /** The publishers outside the fleet that may send the type. */
  outside: readonly string[];
}

interface Flags {
  dryRun?: boolean;
  json?: boolean;
}

export function registerRetire(schemas: Command, context: Context): void {
  schemas
    .command('retire')
    .description(
      `record in ${RETIRED_FILE} that a version is no longer needed, so that it can be removed from the catalogue; refused with exit code 1 while a message or a running process needs it, or a place could not be read`,
    )
    .argument('<type@version>', 'a version of a message type, below the latest: order.created@1')
    .option('--dry-run', 'examine only')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      examples(
        ['flotilla schemas retire order.created@1 --dry-run', 'list what still needs version 1'],
        ['flotilla schemas retire order.created@1', 'retire version 1'],
      ),
    )
    .action((wanted: string, flags: Flags) => runRetire(wanted, flags, context));
}

async function runRetire(text: string, { dryRun = false, json = false }: Flags, context: Context): Promise<void> {
  const { outside, ...wanted } = await wantedVersion(text, context);
  const progress = createProgress();
  const retirement = await withSession(context, (session) =>
    examineRetirement(session, wanted, {
      signal: context.signal,
      onProgress: (checked, place) => progress.count(checked, `messages, ${place}`),
    }),
  ).finally(progress.end);
  const { obstacles, report, processes } = retirement;
  const isRetired = obstacles.length === 0 && !dryRun;
  if (isRetired) {
    const date = new Date().toISOString().slice(0, 10);
    const places = report.places.map(({ place }) => place);
    const checked = { messages: report.checked, places, processes: processes.length };
    await addRetired(context.cwd, { ...wanted, date, checked });
  }
  if (json) context.printJson({ ...wanted, retired: isRetired, obstacles, checked: report.checked }, 2);
  else printRetirement({ ...wanted, outside }, retirement, { isRetired, context });
  if (obstacles.length > 0) throw new CommandFailed('the version is still needed');
}

/** Throws `UsageError` for a version that is unknown, the latest, or retired already, and while an earlier one is not
 *  retired. */
async function wantedVersion(text: string, context: Context): Promise<Wanted> {
  const { definitions } = (await context.fleet()).catalogue;
  const { type, definition, version } = parseTypeVersion(definitions, text);
  const committed = (await readCommitted(context.cwd)).schemas.filter((schema) => schema.type === type);
  const known = new Set([...Object.keys(definition.versions).map(Number), ...committed.map((each) => each.version)]);
  if (version === undefined || !known.has(version)) {
    throw new UsageError(`name one of the versions ${[...known].sort((a, b) => a - b).join(', ')}, as ${type}@1`);
  }
  if (version >= definition.latest) throw new UsageError(`${version} is the latest version of ${type}`);
  const retired = retiredVersionsOf(await readRetired(context.cwd), type);
  if (retired.includes(version)) throw new UsageError(`${type} ${version} is retired already, in ${RETIRED_FILE}`);
  const earlier = [...known].filter((each) => each < version && !retired.includes(each));
  if (earlier.length > 0) throw new UsageError(`retire ${type}@${Math.min(...earlier)} first`);
  return { type, version, outside: definition.outside ?? [] };
}

function printRetirement(
  { type, version, outside }: Wanted,
  { obstacles, report, processes }: Retirement,
  { isRetired, context: { print } }: { isRetired: boolean; context: Context },
): void {
  const examined = `${report.checked.toLocaleString('en-US')} messages and ${processes.length} processes examined`;
  if (obstacles.length > 0) {
    print(`${type} ${version} is still needed, or may be (${examined}):`);
    for (const obstacle of obstacles) print(`  - ${obstacle}`);
    return;
  }
  if (!isRetired) {
    print(`${type} ${version} can be retired: ${examined}.`);
    return;
  }
  print(`${type} ${version} is retired: ${examined}, recorded in ${RETIRED_FILE}.`);
  print(`Next:`);
  print(`  1. Remove version ${version} and its upcaster from ${type} in the catalogue: its versions begin with ${version + 1}.`);
  print(`  2. Keep schemas/${type}/${version}.json: no field may use one of its names with another type.`);
  print(`  3. Run flotilla schemas check, commit, and deploy.`);
  if (outside.length > 0) print(`Publishers outside the fleet must not send it any more: ${outside.join(', ')}.`);
}
