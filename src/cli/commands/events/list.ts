import type { Command } from 'commander';
import type { JournalFilter } from '../../../journal/entry.js';
import type { EventEnvelope } from '../../../events/envelope.js';
import type { Fleet } from '../../../fleet/define-fleet.js';
import { unknownName } from '../../../text/known-names.js';
import { time, wholeNumber } from '../../shared/input/arguments.js';
import type { Context } from '../../shared/context.js';
import { examples } from '../../shared/examples.js';
import { requireAllRead } from '../../shared/output/unread-stores.js';
import { UsageError } from '../../shared/failure.js';
import { printList } from '../../shared/output/print-list.js';
import { servicesOf } from '../../../runtime/stores/services.js';
import { shownEvent } from '../../shared/output/shown-event.js';
import { PATTERN_HELP, patterns, unmatched } from '../../shared/input/type-patterns.js';
import { withHistory, type SearchedHistory } from './history.js';

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
    .description('list matching events, newest first')
    .option('--type <pattern>', `${PATTERN_HELP}; can be repeated`, patterns, [])
    .option('--source <service>', 'only events of this service')
    .option('--subject <subject>', 'such as order/<id>')
    .option('--correlation <id>', 'only events with this correlation id')
    .option('--since <time>', `at or after this time: RFC 3339, or '2h' for two hours ago`, time)
    .option('--until <time>', 'before this time', time)
    .option('--limit <n>', 'how many to show', wholeNumber, 50)
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      examples(
        ["flotilla events list --type 'order.*' --since 1h", 'events about orders from the last hour'],
        ['flotilla events list --subject order/0197c2f4-7d1e', 'the history of one order'],
      ),
    )
    .action((flags: Flags) => runList(flags, context));
}

async function runList(flags: Flags, context: Context): Promise<void> {
  const { limit, json = false } = flags;
  const filter = filterOf(flags);
  const fleet = await context.fleet();
  const { definitions } = fleet.catalogue;
  await withHistory(context, async (history) => {
    await requireNames(fleet, filter, history);
    const unread = history.unread.filter((service) => filter.source === undefined || filter.source === service);
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
        event: shownEvent(definitions, JSON.parse(found.body) as EventEnvelope),
      };
    });
    printList(context, shown, {
      json,
      total,
      extra: { unread },
      empty: unread.length > 0 ? 'No events match in the stores of this machine.' : 'No events match.',
      freeText: ['subject'],
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
    requireAllRead(context, unread);
  });
}

/** Throws `name.unknown` for a service or a type that neither the fleet nor a stored event has. Events of an earlier
 *  version of the fleet can thus be found. */
async function requireNames(fleet: Fleet, { source, types = [] }: JournalFilter, history: SearchedHistory) {
  const isStored = async (filter: JournalFilter) => (await history.newest(filter, 1)).total > 0;
  const services = servicesOf(fleet);
  if (source !== undefined && !services.includes(source) && !(await isStored({ source }))) {
    throw unknownName('service', source, services);
  }
  const known = Object.keys(fleet.catalogue.definitions);
  for (const type of types) {
    if (unmatched([type], known) !== undefined && !(await isStored({ types: [type] }))) {
      throw unknownName('type', type, known);
    }
  }
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
