import { Option, type Command } from 'commander';
import {
  countSagas,
  listSagas,
  newestFirst,
  openStatuses,
  sagaStatuses,
  type RowStatus,
  type SagaFilter,
} from '../../../sagas/list.js';
import type { SagaRow } from '../../../sagas/table.js';
import { requireKnown } from '../../../text/known-names.js';
import { wholeNumber } from '../../shared/arguments.js';
import type { Context } from '../../shared/context.js';
import { requireAllRead } from '../../shared/unread-stores.js';
import { printList } from '../../shared/output.js';
import { knownSagas, withSagaStores } from './open.js';

interface Flags {
  status?: RowStatus | 'all';
  saga?: string;
  step?: string;
  overdue?: boolean;
  limit: number;
  json?: boolean;
}

export function registerList(sagas: Command, context: Context): void {
  sagas
    .command('list')
    .description('sagas that have not ended, or those of a status; the one that something was heard of last first')
    .addOption(new Option('--status <status>').choices([...sagaStatuses, 'all']))
    .option('--saga <name>')
    .option('--step <name>', 'those that wait for this step, or cannot undo it')
    .option('--overdue', 'those whose time is over, and nothing has followed')
    .option('--limit <n>', 'how many to show', wholeNumber, 50)
    .option('--json', 'for programs')
    .action((flags: Flags) => runList(flags, context));
}

async function runList(flags: Flags, context: Context): Promise<void> {
  const { limit, json = false } = flags;
  const { items, total, counts, unread } = await read(filterOf(flags), limit, context);
  printList(context, items, {
    json,
    total,
    extra: { unread },
    empty: unread.length > 0 ? 'No sagas match in what was read.' : emptyFor(flags),
    columns: {
      saga: ({ saga }) => saga,
      id: ({ sagaId }) => sagaId,
      status: ({ status }) => status,
      'waits for': waitsFor,
      until: ({ dueAt }) => dueAt ?? '',
      reason: ({ reason }) => reason,
      'last heard of': ({ updatedAt }) => updatedAt,
    },
  });
  if (!json && total > items.length) context.say(`${items.length} of ${total}`);
  if (!json) context.say(summary(counts));
  requireAllRead(context, unread);
}

function filterOf({ status, saga, step, overdue = false }: Flags): SagaFilter {
  const statuses = status === undefined ? openStatuses : status === 'all' ? sagaStatuses : [status];
  return { statuses, saga, step, dueBefore: overdue ? new Date().toISOString() : undefined };
}

async function read(filter: SagaFilter, limit: number, context: Context) {
  const known = await knownSagas(context);
  if (filter.saga !== undefined)
    requireKnown(
      'saga',
      filter.saga,
      known.map(({ saga }) => saga.name),
    );
  const steps = known.flatMap(({ saga }) => (saga.name === (filter.saga ?? saga.name) ? saga.steps : []));
  return withSagaStores(context, async (stores) => {
    const items: SagaRow[] = [];
    const counts = new Map<RowStatus, number>();
    let total = 0;
    for (const service of new Set(known.map(({ service }) => service))) {
      const store = await stores.find(service);
      if (store === undefined) continue;
      const listed = await listSagas(store.query, filter, limit);
      items.push(...listed.items);
      total += listed.total;
      for (const [status, count] of await countSagas(store.query))
        counts.set(status, (counts.get(status) ?? 0) + count);
    }
    // a saga may wait for a step that its definition has lost
    if (filter.step !== undefined && total === 0) {
      requireKnown('step', filter.step, [...new Set(steps.map(({ name }) => name))]);
    }
    return { items: newestFirst(items).slice(0, limit), total, counts, unread: stores.unread };
  });
}

function emptyFor({ status, saga, step, overdue }: Flags): string {
  if (saga !== undefined || step !== undefined || overdue === true) return 'No sagas match.';
  if (status === undefined) return 'No saga is under way.';
  return status === 'all' ? 'There are no sagas yet.' : `No saga is ${status}.`;
}

/** `pay`, `undoing pay, next try` */
function waitsFor({ status, step, direction, timer }: SagaRow): string {
  if (step === null) return '';
  const what = direction === 'back' ? `undoing ${step}` : step;
  if (status === 'failed') return `a person: ${what}`;
  return timer === 'retry' ? `${what}, next try` : what;
}

/** `2 started, 1 failed, 12 completed` */
function summary(counts: ReadonlyMap<RowStatus, number>): string {
  const parts = sagaStatuses.flatMap((status) => {
    const count = counts.get(status) ?? 0;
    return count === 0 ? [] : [`${count} ${status}`];
  });
  return `In all: ${parts.join(', ') || 'none'}.`;
}
