import type { Command } from 'commander';
import { discardDeadLetters, undoDiscard } from '../../../dead-letters/operations/discard-dead-letters.js';
import { refuseForeignStore } from '../../../runtime/stores/store-claims.js';
import type { Fleet } from '../../../fleet/define-fleet.js';
import type { Store } from '../../../store/store.js';
import type { Context } from '../../shared/context.js';
import { examples } from '../../shared/examples.js';
import { CommandFailed, UsageError } from '../../shared/failure.js';
import { createProgress } from '../../shared/output/progress.js';
import { operatorName, withSession } from '../../shared/session.js';
import { requireNames, selectionOf, withFilters, type FilterFlags } from './filter.js';
import { brokerIfAny, queueNames, reportWaitingIn } from './report-waiting.js';

interface Flags extends FilterFlags {
  reason?: string;
  undo?: boolean;
  purge?: boolean;
  json?: boolean;
}

export function registerDiscard(dead: Command, context: Context): void {
  const command = dead
    .command('discard')
    .description('mark dead letters as not to be replayed, with a reason; can be undone for 7 days')
    .argument('[ids...]');
  withFilters(command)
    .option('--all', 'every dead letter')
    .option('--reason <text>', 'the reason (required)')
    .option('--purge', 'remove the bodies now instead of after 7 days; cannot be undone')
    .option('--undo', 'restore discarded dead letters')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      examples(
        ["flotilla dead discard 0197c2 --reason 'test order'", 'discard one dead letter'],
        ['flotilla dead discard 0197c2 --undo', 'restore it'],
      ),
    )
    .action((ids: string[], flags: Flags) =>
      flags.undo === true ? runUndo(ids, flags, context) : runDiscard(ids, flags, context),
    );
}

async function runDiscard(ids: string[], flags: Flags, context: Context): Promise<void> {
  const { reason = '', purge, json = false } = flags;
  if (reason.trim() === '') throw new UsageError('--reason is required');
  const selection = selectionOf(ids, flags);
  const progress = createProgress();
  const summary = await withDeadLetters(context, async (store, fleet) => {
    if ('filter' in selection) await requireNames(fleet, store, selection.filter);
    return discardDeadLetters(
      { store, now: Date.now },
      {
        selection,
        who: operatorName(),
        reason,
        purge,
        signal: context.signal,
        onResult: (done, total) => progress.show(done, total, 'discarded'),
      },
    );
  }).finally(progress.end);
  const { discarded, skipped } = summary;
  if (json) context.printJson(summary);
  else context.print(`Discarded ${discarded}.`);
  if (skipped === 0) return;
  if (!json) context.say(`${skipped} skipped: already settled, or being replayed.`);
  throw new CommandFailed('not all were discarded');
}

async function runUndo(ids: string[], { json = false }: Flags, context: Context): Promise<void> {
  if (ids.length === 0) throw new UsageError('--undo requires ids');
  await withDeadLetters(context, async (store) => {
    for (const id of ids) await undoDiscard({ store, now: Date.now }, { id, who: operatorName() });
  });
  if (json) context.printJson({ restored: ids.length });
  else context.print(`Restored ${ids.length}.`);
}

/** Runs `work` on the stored dead letters, then publishes the events that it appended; reports dead letters that wait in the
 *  broker. Works without a broker, too: the keeper publishes the events then. */
async function withDeadLetters<T>(context: Context, work: (store: Store, fleet: Fleet) => Promise<T>): Promise<T> {
  return withSession(context, async (session) => {
    const workers = queueNames(session);
    const store = await session.ops();
    const broker = await brokerIfAny(context, session, 'write');
    if (broker !== undefined) {
      await refuseForeignStore(session, store);
      await reportWaitingIn(broker, context, session, workers);
    }
    const result = await work(store, session.fleet);
    if (broker !== undefined) await session.publishOps();
    return result;
  });
}
