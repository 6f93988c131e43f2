import type { Command } from 'commander';
import { groupDeadLetters, listDeadLetters, type DeadLetterFilter } from '../../../dead-letters/storage/queries.js';
import type { WaitingDeadLetters } from '../../../dead-letters/count-waiting.js';
import { redact } from '../../../text/redact.js';
import type { Store } from '../../../store/store.js';
import { count, wholeNumber } from '../../shared/input/arguments.js';
import type { Context } from '../../shared/context.js';
import { examples } from '../../shared/examples.js';
import { printList } from '../../shared/output/print-list.js';
import { withSession } from '../../shared/session.js';
import { filterOf, requireNames, withFilters, withState, type FilterFlags } from './filter.js';
import { reportWaiting } from './report-waiting.js';

interface Flags extends FilterFlags {
  group?: boolean;
  limit: number;
  offset: number;
  json?: boolean;
}

export function registerList(dead: Command, context: Context): void {
  const command = dead
    .command('list')
    .description('list dead letters, newest first; with --group, count them')
    .argument('[worker]');
  withState(withFilters(command))
    .option('--group', 'count by worker, error code and type')
    .option('--limit <n>', 'how many to show', wholeNumber, 50)
    .option('--offset <n>', 'how many to skip', count, 0)
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      examples(
        ['flotilla dead list payment --since 1h', 'dead letters of one worker from the last hour'],
        ['flotilla dead list --group', 'count them by worker, error code and type'],
      ),
    )
    .action((worker: string | undefined, flags: Flags) => {
      const filter = filterOf(worker === undefined ? flags : { ...flags, worker });
      return withSession(context, async (session) => {
        const store = await session.ops();
        await requireNames(session.fleet, store, filter);
        const waiting = await reportWaiting(context, session, filter.worker);
        const print = flags.group === true ? printGroups : printDeadLetters;
        await print(context, store, filter, { ...flags, extra: { waiting: waiting ?? null } });
      });
    });
}

/** For --json: the dead letters that wait in the broker, by worker; null where the broker is unreachable. */
interface Printing extends Flags {
  extra: { waiting: WaitingDeadLetters[] | null };
}

/** The message for an empty list, which a filter may have caused. */
function emptyFor({ states: _, ...filter }: DeadLetterFilter): string {
  return Object.keys(filter).length > 0 ? 'No dead letters match.' : 'No dead letters.';
}

async function printDeadLetters(
  context: Context,
  store: Store,
  filter: DeadLetterFilter,
  flags: Printing,
): Promise<void> {
  const { limit, offset, json = false, extra } = flags;
  const { items: found, total } = await listDeadLetters(store, filter, { limit, offset });
  const items = found.map((item) => ({ ...item, message: redact(item.message) })); // an earlier version may have written it
  printList(context, items, {
    json,
    total,
    extra,
    empty: emptyFor(filter),
    freeText: ['subject'],
    columns: {
      id: ({ id }) => id,
      worker: ({ worker }) => worker,
      type: ({ type }) => type ?? '?',
      subject: ({ subject }) => subject ?? '',
      code: ({ code }) => code,
      attempts: ({ attemptCount }) => String(attemptCount),
      died: ({ deadAt }) => deadAt,
      state: ({ state }) => state,
    },
  });
  if (!json && total > items.length) context.say(`${items.length} of ${total}`);
}

async function printGroups(
  context: Context,
  store: Store,
  filter: DeadLetterFilter,
  { json = false, extra }: Printing,
) {
  printList(context, await groupDeadLetters(store, filter), {
    json,
    extra,
    empty: emptyFor(filter),
    columns: {
      count: ({ count }) => String(count),
      worker: ({ worker }) => worker,
      code: ({ code }) => code,
      type: ({ type }) => type ?? '?',
      first: ({ first }) => first,
      last: ({ last }) => last,
    },
  });
}
