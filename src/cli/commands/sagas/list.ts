import { Option, type Command } from 'commander';
import {
  countSagas,
  listSagas,
  latestFirst,
  openStatuses,
  sagaStatuses,
  type RowStatus,
  type SagaFilter,
} from '../../../sagas/queries.js';
import type { SagaRow } from '../../../sagas/saga-table.js';
import { requireKnown } from '../../../text/known-names.js';
import { wholeNumber } from '../../shared/input/arguments.js';
import type { Context } from '../../shared/context.js';
import { examples } from '../../shared/examples.js';
import { requireAllRead } from '../../shared/output/unread-stores.js';
import { printList } from '../../shared/output/print-list.js';
import { knownSagas, withSagaStores } from './find-saga.js';

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
    .description('list open sagas, or those with a status; the most recently updated first')
    .addOption(new Option('--status <status>').choices([...sagaStatuses, 'all']))
    .option('--saga <name>')
    .option('--step <name>', 'only sagas that wait for this step or failed at compensating it')
    .option('--overdue', 'only sagas whose deadline has passed')
    .option('--limit <n>', 'maximum number of rows', wholeNumber, 50)
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      examples(
        ['flotilla sagas list --status failed', 'sagas that need manual intervention'],
        ['flotilla sagas list --overdue', 'sagas whose deadline has passed'],
      ),
    )
    .action((flags: Flags) => runList(flags, context));
}

async function runList(flags: Flags, context: Context): Promise<void> {
  const { limit, json = false } = flags;
  const { items, total, counts, unread } = await read(filterOf(flags), limit, context);
  printList(context, items, {
    json,
    total,
    extra: { unread },
    empty: unread.length > 0 ? 'No sagas match in the stores that were read.' : emptyFor(flags),
    freeText: ['waiting for', 'reason'],
    columns: {
      saga: ({ saga }) => saga,
      id: ({ sagaId }) => sagaId,
      status: ({ status }) => status,
      'waiting for': waitingFor,
      until: ({ dueAt }) => dueAt ?? '',
      reason: ({ reason }) => reason,
      updated: ({ updatedAt }) => updatedAt,
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
    // a saga may wait for a step that its definition no longer declares
    if (filter.step !== undefined && total === 0) {
      requireKnown('step', filter.step, [...new Set(steps.map(({ name }) => name))]);
    }
    return { items: latestFirst(items).slice(0, limit), total, counts, unread: stores.unread };
  });
}

function emptyFor({ status, saga, step, overdue }: Flags): string {
  if (saga !== undefined || step !== undefined || overdue === true) return 'No sagas match.';
  if (status === undefined) return 'No sagas are open.';
  return status === 'all' ? 'There are no sagas yet.' : `No sagas are ${status}.`;
}

/** `pay`, `compensation of pay, retry` */
function waitingFor({ status, step, direction, timer }: SagaRow): string {
  if (step === null) return '';
  const what = direction === 'back' ? `compensation of ${step}` : step;
  if (status === 'failed') return `operator: ${what}`;
  return timer === 'retry' ? `${what}, retry` : what;
}

/** `2 started, 1 failed, 12 completed` */
function summary(counts: ReadonlyMap<RowStatus, number>): string {
  const parts = sagaStatuses.flatMap((status) => {
    const count = counts.get(status) ?? 0;
    return count === 0 ? [] : [`${count} ${status}`];
  });
  return `Total: ${parts.join(', ') || 'none'}.`;
}
