import { InvalidArgumentError, Option, type Command } from 'commander';
import { PARTITION_COUNTS, type PartitionCount } from '../../../broker/messages/slot-headers.js';
import { FlotillaError } from '../../../errors.js';
import { instanceOf } from '../../../runtime/instance.js';
import type { FleetSession } from '../../../runtime/operator/fleet-session.js';
import { refuseForeignStore } from '../../../runtime/stores/store-claims.js';
import type { WorkerDefinition } from '../../../worker/definition/worker-definition.js';
import type { PartitionPlace } from '../../../worker/ordering/partitions/adopt-partitions.js';
import { inspectPartitions, type PartitionReport } from '../../../worker/ordering/partitions/inspect-partitions.js';
import { movePartitions, type MoveResult, type MoveStep } from '../../../worker/ordering/partitions/move-partitions.js';
import type { Context } from '../../shared/context.js';
import { examples } from '../../shared/examples.js';
import { interval } from '../../shared/input/arguments.js';
import { CommandFailed } from '../../shared/failure.js';
import { createProgress } from '../../shared/output/progress.js';
import { withSession } from '../../shared/session.js';
import { findOrdered, orderedStore } from '../subject/ordered-workers.js';

interface Flags {
  count: PartitionCount;
  dryRun?: boolean;
  wait?: number;
  json?: boolean;
}

export function registerPartitions(order: Command, context: Context): void {
  const partitions = order.command('partitions').description('change the number of partitions of an ordered worker');
  partitions
    .command('set')
    .description('change their number while events are handled, in order; can be interrupted and run again')
    .argument('<worker>')
    .addOption(
      new Option('--count <n>', 'the new number of partitions')
        .choices(PARTITION_COUNTS.map(String))
        .argParser((text) => countOf(text))
        .makeOptionMandatory(),
    )
    .option('--dry-run', 'print what would be done')
    .option('--wait <duration>', 'how long to wait for the next old partition to become empty (default: 10m)', interval)
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      examples(
        ['flotilla order partitions set statements --count 32 --dry-run', 'what would be done, and how much waits'],
        ['flotilla order partitions set statements --count 32', 'distribute the subjects among 32 queues'],
      ),
    )
    .action((worker: string, flags: Flags) => runSet(worker, flags, context));
}

function countOf(text: string): PartitionCount {
  const found = PARTITION_COUNTS.find((count) => String(count) === text);
  if (found === undefined) throw new InvalidArgumentError(`It must be one of ${PARTITION_COUNTS.join(', ')}.`);
  return found;
}

interface OpenPlace extends PartitionPlace {
  store: NonNullable<Awaited<ReturnType<FleetSession['stores']['find']>>>;
  broker: Awaited<ReturnType<FleetSession['broker']>>;
}

async function runSet(name: string, flags: Flags, context: Context): Promise<void> {
  await withSession(context, async (session) => {
    const place = await openPlace(session, findOrdered(session, name), flags.dryRun === true ? 'read' : 'write');
    const report = await inspectPartitions(place);
    if (flags.dryRun === true) return printDryRun(name, report, flags, context);
    await refuseForeignStore(session, place.store);
    const result = await move(place, { session, report, flags, context });
    if (flags.json === true) context.printJson({ worker: name, from: report.size, ...result });
    else context.print(`${name} ${result.changed ? 'has' : 'had'} ${result.size} partitions${lateNote(result.late)}.`);
  });
}

/** Prints each step. After an interruption it prints how to continue. */
async function move(
  place: OpenPlace,
  {
    session,
    report,
    flags: { count, wait, json },
    context,
  }: { session: FleetSession; report: PartitionReport; flags: Flags; context: Context },
): Promise<MoveResult> {
  const management = await session.management();
  const progress = createProgress();
  try {
    return await movePartitions({
      ...place,
      to: count,
      holder: instanceOf('order'),
      bindings: () => management.bindings(),
      onStep: (step) => {
        if (step.step === 'passed') progress.show(step.passed, step.of, 'old partitions are empty');
        else if (json !== true) context.say(lineOf(step, report));
      },
      ...(wait !== undefined && { patience: wait }),
      signal: context.signal,
    }).finally(progress.end);
  } catch (error) {
    if (!context.signal.aborted) throw error;
    context.say(`Interrupted; to continue: flotilla order partitions set ${place.worker} --count ${count}`);
    throw new CommandFailed('interrupted');
  }
}

async function openPlace(
  session: FleetSession,
  worker: WorkerDefinition,
  access: 'read' | 'write',
): Promise<OpenPlace> {
  const { name, ordering } = worker;
  const defined = ordering?.partitions ?? 1;
  if (defined === 1) throw new FlotillaError('partitions.total', name);
  const store = await orderedStore(session, worker);
  if (store === undefined) throw new FlotillaError('store.missing', worker.store);
  const { names, logger } = session;
  return { store, broker: await session.broker(access), names, worker: name, defined, logger };
}

function printDryRun(name: string, report: PartitionReport, { count, json }: Flags, context: Context): void {
  const { size, moving, ready, consumers } = report;
  if (json === true) {
    context.printJson({ worker: name, to: count, ...report, moving: moving ?? null });
    return;
  }
  if (moving !== undefined) {
    context.print(
      `${name} is changing from ${size} to ${moving.to} partitions; ${moving.passed} of ${size} are empty.` +
        (moving.to === count ? ' The command would continue this change.' : ' It must be completed first.'),
    );
  } else if (size === count) {
    context.print(`${name} has ${size} partitions already.`);
  } else {
    context.print(`${name} would change from ${size} to ${count} partitions: ${splitOf(size, count)}.`);
  }
  context.print(`Messages in its partitions: ${ready}. Processes that consume them: ${consumers}.`);
  context.say('Nothing was changed.');
}

/** `each is split into 2` */
function splitOf(size: number, count: number): string {
  return count > size ? `each is split into ${count / size}` : `${size / count} at a time are merged`;
}

function lineOf(step: MoveStep, { ready, consumers }: PartitionReport): string {
  switch (step.step) {
    case 'begun':
    case 'continued': {
      const what = step.step === 'begun' ? 'Changing' : 'Continuing the change';
      const idle = consumers === 0 ? ' No process consumes them: the change completes while the worker runs.' : '';
      return `${what} from ${step.from} to ${step.to} partitions; ${ready} messages wait.${idle}`;
    }
    case 'declared':
      return 'The new partitions are declared.';
    case 'switched':
      return 'New messages go to the new partitions. Waiting until the old ones are empty.';
    case 'completed':
      return 'The old partitions are empty. Deleting them.';
    case 'passed':
      return `${step.passed} of ${step.of} old partitions are empty.`;
  }
}

function lateNote(late: number): string {
  return late === 0 ? '' : `; ${late} late messages were moved from old partitions to the queue of the worker`;
}
