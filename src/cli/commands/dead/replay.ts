import type { Command } from 'commander';
import { replayDeadLetters, type ReplayResult, type ReplaySummary } from '../../../dead-letters/replay.js';
import { positive, wholeNumber } from '../../shared/arguments.js';
import type { Context } from '../../shared/context.js';
import { reportUnchecked, requireAllRead } from '../../shared/unread-stores.js';
import { CommandFailed } from '../../shared/failure.js';
import { createProgress } from '../../shared/progress.js';
import { operator, requireNames, selectionOf, withFilters, type FilterFlags } from './filter.js';
import { withReplayer } from './open.js';

interface Flags extends FilterFlags {
  to?: string;
  dryRun?: boolean;
  force?: boolean;
  vouch?: boolean;
  rate?: number;
  limit?: number;
  json?: boolean;
}

/** More of them are counted, not shown. */
const SHOWN = 100;

export function registerReplay(dead: Command, context: Context): void {
  const command = dead
    .command('replay')
    .description('send dead letters to their workers again, the oldest first; can be interrupted and run again')
    .argument('[ids...]');
  withFilters(command)
    .option('--all', 'every dead letter')
    .option('--to <worker>', 'send them to this worker in place of the one that they died at')
    .option('--dry-run', 'only look: schema, route, inbox')
    .option('--rate <n>', 'at most so many a second', positive)
    .option('--limit <n>', 'at most so many', wholeNumber)
    .option('--force', 'also what would fail its schema again, and commands of what is closed')
    .option('--vouch', 'also messages without a valid signature, which are signed as genuine messages of this fleet')
    .option('--json', 'for programs')
    .action((ids: string[], flags: Flags) => runReplay(ids, flags, context));
}

async function runReplay(ids: string[], flags: Flags, context: Context): Promise<void> {
  const { to, dryRun = false, force, vouch, rate, limit, json = false } = flags;
  const selection = selectionOf(ids, flags);
  const progress = createProgress();
  const noted: ReplayResult[] = [];
  const { summary, unread } = await withReplayer(context, dryRun ? 'read' : 'write', async (replayer, stores) => {
    if ('filter' in selection) await requireNames(context, replayer.store, selection.filter);
    const summary = await replayDeadLetters(replayer, {
      selection,
      who: operator(),
      to,
      dryRun,
      force,
      vouch,
      rate,
      limit,
      signal: context.signal,
      onResult: (result, done, total) => {
        if ((result.outcome !== 'sent' || json) && noted.length < SHOWN) noted.push(result);
        progress.show(done, total, dryRun ? 'looked at' : 'replayed');
      },
    });
    return { summary, unread: stores.unread };
  }).finally(progress.end);
  if (json) {
    context.printJson({ items: noted, total: summary.selected, summary, unread }, 2);
  } else {
    for (const { id, worker, type, outcome, detail } of noted) {
      context.print(`${id}  ${worker}  ${type ?? '?'}  ${outcome}${detail === '' ? '' : `: ${detail}`}`);
    }
    context.say(summaryLine(summary, dryRun));
  }
  if (dryRun) requireAllRead(context, unread);
  else reportUnchecked(context, unread);
  if (summary.refused + summary.failed + summary.skipped > 0) throw new CommandFailed('not all were sent');
}

/** `4 selected, 2 sent, 1 refused, 0 failed, 1 skipped` */
function summaryLine({ selected, sent, ready, refused, failed, skipped }: ReplaySummary, dryRun: boolean): string {
  const done = dryRun ? `${ready} ready to be sent` : `${sent} sent`;
  return `${selected} selected, ${done}, ${refused} refused, ${failed} failed, ${skipped} skipped`;
}
