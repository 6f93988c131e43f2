import { Option, type Command } from 'commander';
import { examineRequest } from '../../../replay/examine.js';
import { LIVE } from '../../../replay/held-run.js';
import { lookAhead } from '../../../replay/look.js';
import type { Replayer } from '../../../replay/replayer.js';
import type { ReplayRequest, ReplayRun } from '../../../replay/run.js';
import { findRun, listRuns } from '../../../replay/runs.js';
import { resumeReplay, startReplay, type StartOptions } from '../../../replay/start.js';
import { positive, time, wholeNumber } from '../../shared/arguments.js';
import { confirm } from '../../shared/confirm.js';
import type { Context } from '../../shared/context.js';
import { requireAllRead } from '../../shared/unread-stores.js';
import { CommandFailed, UsageError } from '../../shared/failure.js';
import { printList } from '../../shared/output.js';
import { createProgress } from '../../shared/progress.js';
import { withReplayer, withReplays, workerToReplay } from './open.js';
import { modeOf, requestOf, type ReplayFlags } from './request.js';
import { PATTERN_HELP, patterns } from '../../shared/type-patterns.js';
import { linesOfOutlook, linesOfRun } from './tell.js';

export function register(program: Command, context: Context): void {
  program
    .command('replay')
    .description('send history to the queue of one worker, and nobody else; can be interrupted and resumed')
    .option('--to <worker>', 'the worker; what it has handled already it skips')
    .addOption(
      new Option('--type <type>', `${PATTERN_HELP}; may be given several times`)
        .argParser(patterns)
        .default([], 'all that it handles'),
    )
    .option('--subject <subject>', 'such as order/<id>')
    .option('--correlation <id>', 'of one story')
    .option('--since <time>', `happened at or after: RFC 3339, or '2h' for two hours ago`, time)
    .option('--until <time>', 'happened before', time)
    .addOption(new Option('--from <source>', 'the journal where it is on this machine').choices(['log', 'journal']))
    .option('--verified', 'only events that the store of their service has, as far as it is on this machine')
    .option('--commands', 'commands too, which ask for something once more')
    .option('--again', 'also what was handled, at a worker that declares `replay`')
    .option('--side-effects', 'let the world outside hear of it once more')
    .option('--dry-run', 'only look: how many, and which are done already')
    .option('--rate <n>', 'at most so many a second', positive)
    .option('--limit <n>', 'at most so many', wholeNumber)
    .option('--force', 'also what the inbox may have forgotten, and a reset from an incomplete history')
    .option('--yes', 'do not ask before --again')
    .option('--resume <run>', 'go on with one that was interrupted: its id, or the beginning of it')
    .option('--list', 'the replays there were, the latest first')
    .option('--json', 'for programs')
    .action((flags: ReplayFlags) => runReplay(flags, context));
}

async function runReplay(flags: ReplayFlags, context: Context): Promise<void> {
  switch (modeOf(flags)) {
    case 'list':
      return list(flags, context);
    case 'resume':
      return resume(flags, context);
    case 'start': {
      const worker = await workerToReplay(context, flags.to ?? '');
      const request = requestOf(flags, worker);
      const access = flags.dryRun === true ? 'read' : 'write';
      return withReplayer(context, worker, flags, access, (replayer) => start(replayer, request, flags, context));
    }
  }
}

async function start(replayer: Replayer, request: ReplayRequest, flags: ReplayFlags, context: Context): Promise<void> {
  for (const warning of await examineRequest(replayer, request)) context.say(`Note: ${warning}.`);
  if (flags.dryRun === true) return look(replayer, request, flags, context);
  if (request.again !== null && !(await mayHandleAgain(replayer, request, flags, context))) return;
  await follow(flags, context, (options) => startReplay(replayer, request, options));
}

/** Asks whoever sits at the terminal. Throws `UsageError` where nobody does and nothing was said beforehand. */
async function mayHandleAgain(
  { worker }: Replayer,
  { again }: ReplayRequest,
  { yes }: ReplayFlags,
  context: Context,
): Promise<boolean> {
  if (yes === true) return true;
  if (!context.interactive) throw new UsageError('--again needs --yes where nobody can be asked');
  const what = again === 'reset' ? 'Its tables are emptied first.' : 'It handles again what it has handled.';
  return confirm(`Send history to ${worker.name} once more? ${what}`, context);
}

async function look(replayer: Replayer, request: ReplayRequest, { json }: ReplayFlags, context: Context) {
  const progress = createProgress();
  const { signal } = context;
  const outlook = await lookAhead(replayer, request, {
    signal,
    onProgress: (looked, size) => progress.show(looked, size, 'looked through'),
  }).finally(progress.end);
  const { name, store } = replayer.worker;
  const unread = outlook.alreadyDone === null ? [store] : [];
  if (json === true) {
    const about = { worker: name, from: replayer.history.from };
    context.printJson({ ...about, ...outlook, total: outlook.sent, unread }, 2);
  } else {
    for (const line of linesOfOutlook(name, outlook)) context.print(line);
  }
  if (outlook.tooOld > 0) throw new CommandFailed('not all may be sent');
  requireAllRead(context, unread);
}

async function resume({ resume: id = '', ...flags }: ReplayFlags, context: Context): Promise<void> {
  const found = await withReplays(context, (store) => findRun(store, id, { now: Date.now(), live: LIVE }));
  const run = flags.rate === undefined ? found : { ...found, rate: flags.rate };
  const worker = await workerToReplay(context, run.worker);
  await withReplayer(context, worker, { from: run.from, verified: flags.verified }, 'write', (replayer) =>
    follow(flags, context, (options) => resumeReplay(replayer, run, options)),
  );
}

/** Runs a replay, shows how it goes and what it has done. Wherever it stops, it says how to go on. */
async function follow(
  { json }: ReplayFlags,
  context: Context,
  work: (options: StartOptions) => Promise<ReplayRun>,
): Promise<void> {
  const progress = createProgress();
  let id: string | undefined;
  let held = false;
  const goOn = () => context.say(`Stopped before the end; go on by: flotilla replay --resume ${id ?? ''}`);
  let run: ReplayRun;
  try {
    run = await work({
      signal: context.signal,
      onStart: (started) => (id = started),
      onProgress: (looked, size, sent) => progress.show(looked, size, `looked through, ${sent} sent`),
      onHold: ({ ready, consumers }) => {
        if (!held) context.say(`Waits whenever the queue is full: ${ready} in it, taken by ${consumers} consumers.`);
        held = true;
      },
    }).finally(progress.end);
  } catch (error) {
    if (id !== undefined) goOn();
    throw error;
  }
  if (json === true) context.printJson(run, 2);
  else for (const line of linesOfRun(run)) context.print(line);
  if (run.state !== 'done') {
    goOn();
    throw new CommandFailed('stopped before the end');
  }
  if (run.counts.tooOld > 0) throw new CommandFailed('not all were sent');
}

async function list({ json = false }: ReplayFlags, context: Context): Promise<void> {
  const { items, total } = await withReplays(context, (store) => listRuns(store, { now: Date.now(), live: LIVE }));
  printList(context, items, {
    json,
    total,
    empty: 'No replays.',
    whole: ['run'],
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
