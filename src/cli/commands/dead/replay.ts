import type { Command } from 'commander';
import {
  replayDeadLetters,
  type DeadLetterReplayResult,
  type DeadLetterReplaySummary,
} from '../../../dead-letters/operations/replay-dead-letters.js';
import { positive, wholeNumber } from '../../shared/input/arguments.js';
import type { Context } from '../../shared/context.js';
import { examples } from '../../shared/examples.js';
import { reportUnchecked, requireAllRead } from '../../shared/output/unread-stores.js';
import { CommandFailed } from '../../shared/failure.js';
import { createProgress } from '../../shared/output/progress.js';
import { operatorName, withSession } from '../../shared/session.js';
import { requireNames, selectionOf, withFilters, type FilterFlags } from './filter.js';
import { reportWaitingIn } from './report-waiting.js';

interface Flags extends FilterFlags {
  to?: string;
  dryRun?: boolean;
  force?: boolean;
  vouch?: boolean;
  rate?: number;
  limit?: number;
  json?: boolean;
}

const MAX_SHOWN = 100;

export function registerReplay(dead: Command, context: Context): void {
  const command = dead
    .command('replay')
    .description('send dead letters to their workers again, oldest first; can be interrupted and repeated')
    .argument('[ids...]');
  withFilters(command)
    .option('--all', 'every dead letter')
    .option('--to <worker>', 'send them to this worker instead of the ones that dead-lettered them')
    .option('--dry-run', 'only check schema, route and inbox')
    .option('--rate <n>', 'messages per second at most', positive)
    .option('--limit <n>', 'messages to send at most', wholeNumber)
    .option('--force', 'also send messages that would fail their schema again, and commands whose aggregate is closed')
    .option('--vouch', 'also send messages without a valid signature, signed as messages of this fleet')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      examples(
        ['flotilla dead replay 0197c2', 'replay one dead letter'],
        ["flotilla dead replay --code 'contract.*' --dry-run", 'check which dead letters would be replayed'],
        ['flotilla dead replay --all --rate 50', 'replay all, 50 messages per second at most'],
      ),
    )
    .action((ids: string[], flags: Flags) => runReplay(ids, flags, context));
}

async function runReplay(ids: string[], flags: Flags, context: Context): Promise<void> {
  const { to, dryRun = false, force, vouch, rate, limit, json = false } = flags;
  const selection = selectionOf(ids, flags);
  const progress = createProgress();
  const noted: DeadLetterReplayResult[] = [];
  const { summary, unread } = await withSession(context, async (session) => {
    const deadLetters = await session.deadLetters(dryRun ? 'read' : 'write');
    await reportWaitingIn(deadLetters.broker, context, session);
    if ('filter' in selection) await requireNames(session.fleet, deadLetters.store, selection.filter);
    const summary = await replayDeadLetters(deadLetters, {
      selection,
      who: operatorName(),
      to,
      dryRun,
      force,
      vouch,
      rate,
      limit,
      signal: context.signal,
      onResult: (result, done, total) => {
        if ((result.outcome !== 'sent' || json) && noted.length < MAX_SHOWN) noted.push(result);
        progress.show(done, total, dryRun ? 'checked' : 'replayed');
      },
    });
    if (!dryRun) await session.publishOps();
    return { summary, unread: session.stores.unread };
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
function summaryLine(
  { selected, sent, ready, refused, failed, skipped }: DeadLetterReplaySummary,
  dryRun: boolean,
): string {
  const done = dryRun ? `${ready} ready to be sent` : `${sent} sent`;
  return `${selected} selected, ${done}, ${refused} refused, ${failed} failed, ${skipped} skipped`;
}
