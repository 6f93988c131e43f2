import type { Command } from 'commander';
import type { JournalFilter } from '../../journal/entry.js';
import { collect, time, wholeNumber } from '../arguments.js';
import type { Context } from '../context.js';
import { UsageError } from '../failure.js';
import { printList } from '../output.js';
import { shownEnvelope } from './found-event.js';
import { withHistory } from './history.js';

interface Flags {
  type: string[];
  source?: string;
  subject?: string;
  correlation?: string;
  since?: string;
  until?: string;
  limit: number;
  json?: boolean;
}

export function registerList(events: Command, context: Context): void {
  events
    .command('list')
    .description('events that match, the newest first')
    .option('--type <pattern>', `a type or a pattern such as 'order.*' or '#'; may be given several times`, collect, [])
    .option('--source <service>', 'which service said it')
    .option('--subject <subject>', 'such as order/<id>')
    .option('--correlation <id>', 'of one story')
    .option('--since <time>', `happened at or after: RFC 3339, or '2h' for two hours ago`, time)
    .option('--until <time>', 'happened before', time)
    .option('--limit <n>', 'how many to show', wholeNumber, 50)
    .option('--json', 'for programs')
    .action((flags: Flags) => runList(flags, context));
}

async function runList(flags: Flags, context: Context): Promise<void> {
  const { limit, json = false } = flags;
  const filter = filterOf(flags);
  const { definitions } = (await context.fleet()).catalogue;
  await withHistory(context, async (history) => {
    const { items, total } = await history.newest(filter, limit);
    context.say(await history.described());
    const shown = items.map((found) => {
      const { source, id, type, subject, correlationId, offset } = found;
      const at = new Date(found.time).toISOString();
      return {
        id,
        time: at,
        type,
        source,
        subject,
        correlationId,
        offset,
        event: shownEnvelope(definitions, found, false),
      };
    });
    printList(context, shown, {
      json,
      total,
      empty: 'No events match.',
      columns: {
        time: ({ time: at }) => at,
        type: ({ type }) => type,
        subject: ({ subject }) => subject,
        source: ({ source }) => source,
        id: ({ id }) => id,
        correlation: ({ correlationId }) => correlationId,
      },
    });
    if (!json && total > items.length) context.say(`${items.length} of ${total}`);
  });
}

function filterOf({ type, source, subject, correlation, since, until }: Flags): JournalFilter {
  if (since !== undefined && until !== undefined && since >= until) {
    throw new UsageError('--since must be before --until');
  }
  return {
    ...(type.length > 0 && { types: type }),
    ...(source !== undefined && { source }),
    ...(subject !== undefined && { subject }),
    ...(correlation !== undefined && { correlationId: correlation }),
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until }),
  };
}
