import { Option, type Command } from 'commander';
import { findJournal } from '../../../journal/define-journal.js';
import type { PreparedReplay } from '../../../replay/prepare-replay.js';
import type { ReplayCallbacks, ReplayRun } from '../../../replay/runs/replay-run.js';
import { enabledWorkers, findWorker } from '../../../runtime/fleet/enabled-workers.js';
import { examples } from '../../shared/examples.js';
import { positive, time, wholeNumber } from '../../shared/input/arguments.js';
import { confirm } from '../../shared/input/confirm.js';
import type { WorkerDefinition } from '../../../worker/definition/worker-definition.js';
import type { Context } from '../../shared/context.js';
import { withSession } from '../../shared/session.js';
import { requireAllRead } from '../../shared/output/unread-stores.js';
import { CommandFailed, UsageError } from '../../shared/failure.js';
import { printList } from '../../shared/output/print-list.js';
import { createProgress } from '../../shared/output/progress.js';
import { items, modeOf, requestOf, type ReplayFlags } from './request.js';
import { PATTERN_HELP, patterns } from '../../shared/input/type-patterns.js';
import { formatDryRun, formatRun } from './format.js';

export function register(program: Command, context: Context): void {
  program
    .command('replay')
    .option('--to <worker>', 'the worker, which skips what it has already handled')
    .addOption(
      new Option('--type <type>', `${PATTERN_HELP}; can be repeated`)
        .argParser(patterns)
        .default([], 'all types that it handles'),
    )
    .option('--subject <subject>', 'such as order/<id>')
    .option('--correlation <id>', 'only events with this correlation id')
    .option('--since <time>', `at or after this time: RFC 3339, or '2h' for two hours ago`, time)
    .option('--until <time>', 'before this time', time)
    .addOption(
      new Option('--from <source>', '(default: the journal if it is on this machine)').choices(['log', 'journal']),
    )
    .option('--verified', 'only events that the store of their service contains, where it is on this machine')
    .option('--commands', 'include commands, which are carried out again')
    .option('--again', 'also handled events, for a worker that declares `replay`')
    .option('--side-effects', 'repeat external side effects')
    .option('--dry-run', 'only count the events, and those already handled')
    .option('--items <n>', 'with --dry-run --json: events to list at most, unhandled ones first (default: 100)', items)
    .option('--rate <n>', 'messages per second at most', positive)
    .option('--limit <n>', 'messages to send at most', wholeNumber)
    .option('--force', 'also events that the inbox may have forgotten, and a reset with an incomplete history')
    .option('--yes', 'do not ask for confirmation of --again')
    .option('--resume <run>', 'resume an interrupted replay: its id or unique prefix')
    .option('--list', 'list the replays, newest first')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      examples(
        ["flotilla replay --to views --type 'order.*' --since 7d --dry-run", 'count what would be replayed'],
        ["flotilla replay --to views --type 'order.*' --since 7d", 'replay a week of events to one worker'],
      ),
    )
    .action((flags: ReplayFlags) => runReplay(flags, context));
}

async function runReplay(flags: ReplayFlags, context: Context): Promise<void> {
  switch (modeOf(flags)) {
    case 'list':
      return listReplays(flags, context);
    case 'resume':
      return resumeRun(flags, context);
    case 'start':
      return startRun(flags, context);
  }
}

async function startRun(flags: ReplayFlags, context: Context): Promise<void> {
  const fleet = await context.fleet();
  const worker = findWorker(enabledWorkers(fleet, context.config), flags.to ?? '');
  const request = requestOf(flags, worker);
  if (flags.from === 'journal' && findJournal(fleet.workers) === undefined) {
    throw new UsageError('--from journal: this fleet has no journal');
  }
  await withSession(context, async (session) => {
    const replay = await session.prepareReplay(worker.name, request);
    for (const warning of replay.warnings) context.say(`Note: ${warning}.`);
    if (flags.dryRun === true) return printDryRun(replay, worker, flags, context);
    if (flags.again === true && !(await confirmAgain(worker, flags, context))) return;
    await runToEnd(flags, context, (callbacks) => replay.start(callbacks));
  });
}

/** Asks the operator for confirmation. Throws `UsageError` without --yes where there is no terminal. */
async function confirmAgain(
  { name, replay }: WorkerDefinition,
  { yes }: ReplayFlags,
  context: Context,
): Promise<boolean> {
  if (yes === true) return true;
  if (!context.interactive) throw new UsageError('--again requires --yes without a terminal');
  const what = replay === 'reset' ? 'Its tables are emptied first.' : 'Handled events are handled again.';
  return confirm(`Send history to ${name} once more? ${what}`, context);
}

async function printDryRun(
  replay: PreparedReplay,
  { name, store }: WorkerDefinition,
  { json, items: maxItems }: ReplayFlags,
  context: Context,
): Promise<void> {
  const progress = createProgress();
  const result = await replay
    .dryRun({ maxItems, onProgress: (scanned, size) => progress.show(scanned, size, 'read') })
    .finally(progress.end);
  const unread = result.alreadyDone === null ? [store] : [];
  if (json === true) {
    const about = { worker: name, from: replay.from };
    context.printJson({ ...about, ...result, total: result.wouldSend, unread }, 2);
  } else {
    for (const line of formatDryRun(name, result)) context.print(line);
  }
  if (result.tooOld > 0) throw new CommandFailed('not all may be sent');
  requireAllRead(context, unread);
}

async function resumeRun({ resume: id = '', ...flags }: ReplayFlags, context: Context): Promise<void> {
  const { rate, verified } = flags;
  await withSession(context, (session) =>
    runToEnd(flags, context, (callbacks) => session.resumeReplay(id, { ...callbacks, rate, verified })),
  );
}

/** Runs a replay and prints its progress and result. After an interruption it prints how to resume. */
async function runToEnd(
  { json }: ReplayFlags,
  context: Context,
  work: (callbacks: ReplayCallbacks) => Promise<ReplayRun>,
): Promise<void> {
  const progress = createProgress();
  let id: string | undefined;
  let hasThrottled = false;
  const printResume = () => context.say(`Interrupted; to resume: flotilla replay --resume ${id ?? ''}`);
  let run: ReplayRun;
  try {
    run = await work({
      onStart: (started) => (id = started),
      onProgress: (scanned, size, sent) => progress.show(scanned, size, `read, ${sent} sent`),
      onThrottle: ({ ready, consumers }) => {
        if (!hasThrottled) context.say(`Pausing while the queue is full: ${ready} messages, ${consumers} consumers.`);
        hasThrottled = true;
      },
    }).finally(progress.end);
  } catch (error) {
    if (id !== undefined) printResume();
    throw error;
  }
  if (json === true) context.printJson(run, 2);
  else for (const line of formatRun(run)) context.print(line);
  if (run.state !== 'done') {
    printResume();
    throw new CommandFailed('interrupted');
  }
  if (run.counts.tooOld > 0) throw new CommandFailed('not all were sent');
}

async function listReplays({ json = false }: ReplayFlags, context: Context): Promise<void> {
  const { items, total } = await withSession(context, (session) => session.replays());
  printList(context, items, {
    json,
    total,
    empty: 'No replays.',
    freeText: ['who'],
    columns: {
      run: ({ id }) => id,
      worker: ({ worker }) => worker,
      from: ({ from }) => from,
      again: ({ again }) => again ?? '',
      state: ({ state }) => state,
      sent: ({ counts }) => String(counts.sent),
      who: ({ who }) => who,
      started: ({ startedAt }) => startedAt,
    },
  });
}
