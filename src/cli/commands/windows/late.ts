import type { Command } from 'commander';
import { formatDuration } from '../../../duration.js';
import { listLate } from '../../../windows/state/late-table.js';
import { readWindows } from '../../../windows/state/windows-table.js';
import type { Context } from '../../shared/context.js';
import { examples } from '../../shared/examples.js';
import { wholeNumber } from '../../shared/input/arguments.js';
import { printList } from '../../shared/output/print-list.js';
import { requireAllRead } from '../../shared/output/unread-stores.js';
import { chosen, knownWindows, timeOf, withStores } from './open.js';

export function registerLate(windows: Command, context: Context): void {
  windows
    .command('late')
    .description(
      'list the events, and parts of events, of the last 30 days that were not counted in time, newest first: by how much, in which window, what ' +
        'became of them; refused ones with a code',
    )
    .argument('<name>')
    .option('--limit <n>', 'how many to show', wholeNumber, 50)
    .option('--json', 'print JSON')
    .addHelpText('after', examples(['flotilla windows late order-metrics', 'list late and refused events']))
    .action((name: string, flags: { limit: number; json?: boolean }) => runLate(name, flags, context));
}

async function runLate(
  name: string,
  { limit, json = false }: { limit: number; json?: boolean },
  context: Context,
): Promise<void> {
  const { definition, service } = chosen(await knownWindows(context), name);
  const { items, total, unread } = await withStores(context, async (stores) => {
    const store = await stores.find(service);
    const row = store && (await readWindows(store.query, definition));
    const late = store === undefined || row === undefined ? [] : await listLate(store.query, row.id, limit);
    return { items: late, total: (row?.late ?? 0) + (row?.refused ?? 0), unread: stores.unread };
  });
  const shown = items.map(({ part, time, windowEnd, at, ...event }) => ({
    ...event,
    part: part === '' ? null : part,
    time: timeOf(time),
    windowStart: windowEnd === 0 ? null : timeOf(windowEnd - definition.window.size),
    windowEnd: windowEnd === 0 ? null : timeOf(windowEnd),
    at: timeOf(at),
  }));
  printList(context, shown, {
    json,
    total,
    extra: { unread },
    empty: 'No event was late or refused.',
    freeText: ['reason'],
    columns: {
      event: ({ eventId }) => eventId,
      part: ({ part }) => part ?? '-',
      type: ({ type }) => type,
      key: ({ key }) => key,
      time: ({ time }) => time,
      window: ({ windowStart }) => windowStart ?? '-',
      'late by': ({ lateBy, windowEnd }) => (windowEnd === null ? '-' : formatDuration(lateBy)),
      outcome: ({ outcome }) => outcome,
      reason: ({ code, message }) => (code === '' ? '' : `${code}: ${message}`),
    },
  });
  requireAllRead(context, unread);
}
