import type { Command } from 'commander';
import { readRetired, retiredVersionsOf } from '../../../contracts/retired.js';
import { readersIn, type Reader } from '../../../fleet/readers.js';
import type { FleetSession } from '../../../runtime/operator/fleet-session.js';
import { consumersElsewhere, runningReaders, type RunningReader } from '../../../runtime/versions/running-readers.js';
import { workerDefinitionOf } from '../../../worker/definition/worker-definition.js';
import type { Context } from '../../shared/context.js';
import { examples } from '../../shared/examples.js';
import { failureLines, UsageError } from '../../shared/failure.js';
import { table } from '../../shared/output/print-list.js';
import { withSession } from '../../shared/session.js';
import { parseTypeVersion } from './type-version.js';

/** A command that needs only files must not wait long for an unreachable broker. */
const BROKER_TIMEOUT_MS = 3_000;

export function registerReaders(schemas: Command, context: Context): void {
  schemas
    .command('readers')
    .description('list the workers, projections and sagas that read a message type, and the running processes, with the versions')
    .argument('<type>', 'a message type')
    .option('--json', 'print JSON')
    .addHelpText('after', examples(['flotilla schemas readers order.created', 'who reads which version of it']))
    .action((type: string, flags: { json?: boolean }) => runReaders(type, flags, context));
}

async function runReaders(wanted: string, { json = false }: { json?: boolean }, context: Context): Promise<void> {
  const fleet = await context.fleet();
  const { type, definition, version } = parseTypeVersion(fleet.catalogue.definitions, wanted);
  if (version !== undefined) throw new UsageError('name the type without a version; all of them are listed');
  const versions = Object.keys(definition.versions).map(Number);
  const retired = retiredVersionsOf(await readRetired(context.cwd), type);
  const declared = fleet.workers
    .map(workerDefinitionOf)
    .flatMap(readersIn)
    .flatMap((reader) => (type in reader.reads ? [{ ...reader, reads: reader.reads[type] ?? [] }] : []));
  const running = await runningReaders(context, type);
  const elsewhere = await withSession(context, (session) => countElsewhere(session, running, context));
  if (json) {
    context.printJson({ type, versions, retired, readers: declared, running, elsewhere }, 2);
    return;
  }
  const past = retired.length === 0 ? '' : `, retired ${retired.join(', ')}`;
  context.print(`${type}: versions ${versions.join(', ')}${past}`);
  for (const line of [...declaredTable(declared, context), ...runningTable(running, context)]) context.print(line);
  const others = Object.entries(elsewhere ?? {}).map(([worker, count]) => `${worker} ${count}`);
  if (others.length > 0) context.say(`Consumers on other machines, whose versions are unknown: ${others.join(', ')}.`);
}

function declaredTable(readers: readonly (Omit<Reader, 'reads'> & { reads: number[] })[], { width }: Context): string[] {
  if (readers.length === 0) return ['No worker of the fleet reads it.'];
  const columns = {
    reader: ({ name }: Omit<Reader, 'reads'>) => name,
    kind: ({ kind }: Omit<Reader, 'reads'>) => kind,
    worker: ({ worker }: Omit<Reader, 'reads'>) => worker,
    reads: ({ reads }: { reads: number[] }) => reads.join(', '),
  };
  return ['', ...table(readers, columns, { width })];
}

function runningTable(running: readonly RunningReader[], { width }: Context): string[] {
  if (running.length === 0) return ['', 'No process of the fleet runs on this machine.'];
  const columns = {
    process: ({ role, workers }: RunningReader) => (role === 'worker' ? workers.join('+') : role),
    pid: ({ pid }: RunningReader) => String(pid),
    knows: ({ program, knows }: RunningReader) =>
      program === null ? 'unknown' : knows === null ? '-' : rangeText(knows),
    reads: ({ program, reads }: RunningReader) => (program === null ? 'unknown' : readsText(reads)),
    program: ({ program }: RunningReader) =>
      program === null ? 'unknown' : [program.library, program.commit].filter((part) => part !== undefined).join(' '),
  };
  return ['', ...table(running, columns, { width, freeText: ['reads'] })];
}

function rangeText({ first, latest }: NonNullable<RunningReader['knows']>): string {
  return first === latest ? String(first) : `${first} to ${latest}`;
}

function readsText(reads: RunningReader['reads']): string {
  return reads.map(({ name, versions }) => `${name} ${versions.join(' ')}`).join(', ') || '-';
}

/** The consumers beyond the processes of this machine; null, with a line, where the broker is unreachable. */
async function countElsewhere(
  session: FleetSession,
  running: readonly RunningReader[],
  context: Context,
): Promise<Record<string, number> | null> {
  try {
    return await consumersElsewhere(session, running, BROKER_TIMEOUT_MS);
  } catch (error) {
    context.signal.throwIfAborted();
    context.say(`Consumers on other machines are not counted: ${failureLines(error).join(' ')}`);
    return null;
  }
}
