import type { Command } from 'commander';
import { MAX_HELD_BYTES, MAX_HELD_MESSAGES } from '../../queues/drain-queue.js';
import { listUnrouted, replayUnrouted, type Unrouted, type UnroutedFilter } from '../../queues/unrouted-messages.js';
import type { Definitions } from '../../events/definitions.js';
import type { Context } from '../shared/context.js';
import { examples } from '../shared/examples.js';
import { collect, time, wholeNumber } from '../shared/input/arguments.js';
import { CommandFailed } from '../shared/failure.js';
import { printList, type Columns } from '../shared/output/print-list.js';
import { createProgress } from '../shared/output/progress.js';
import { withSession } from '../shared/session.js';
import type { FleetSession } from '../../runtime/operator/fleet-session.js';
import type { Access } from '../../runtime/operator/operator-broker.js';
import { PATTERN_HELP, patterns, requireMatch } from '../shared/input/type-patterns.js';

interface FilterFlags {
  id: string[];
  type: string[];
  since?: string;
  until?: string;
}

interface ListFlags extends FilterFlags {
  limit: number;
  json?: boolean;
}

interface ReplayFlags extends FilterFlags {
  limit?: number;
  dryRun?: boolean;
  json?: boolean;
}

const COLUMNS = {
  type: ({ type, routingKey }) => type ?? routingKey,
  kind: ({ kind }) => (kind === 'command' ? 'COMMAND' : (kind ?? '?')),
  subject: ({ subject }) => subject ?? '',
  time: ({ time }) => time ?? '',
  id: ({ id }) => id ?? '',
} satisfies Columns<Unrouted>;
const MAX_SHOWN = 100;

export function register(program: Command, context: Context): void {
  const unrouted = program.command('unrouted');
  withFilters(unrouted.command('list').description('list the oldest messages; commands among them are an alarm'))
    .option('--limit <n>', 'how many to show', wholeNumber, 50)
    .option('--json', 'print JSON')
    .addHelpText('after', examples(['flotilla unrouted list --since 1h', 'unrouted messages from the last hour']))
    .action((flags: ListFlags) => runList(flags, context));
  withFilters(
    unrouted
      .command('replay')
      .description('send all or the selected messages to the workers again; the others keep their places'),
  )
    .option('--limit <n>', 'messages to send at most, oldest first', wholeNumber)
    .option('--dry-run', 'list what would be sent, and send nothing')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      examples(
        ["flotilla unrouted replay --type 'order.*' --dry-run", 'list what would be sent'],
        ["flotilla unrouted replay --type 'order.*'", 'send the messages of these types again'],
      ),
    )
    .action((flags: ReplayFlags) => runReplay(flags, context));
}

function withFilters(command: Command): Command {
  return command
    .option('--id <id>', 'the message with this id; can be repeated', collect, [])
    .option('--type <pattern>', `${PATTERN_HELP}; can be repeated`, patterns, [])
    .option('--since <time>', 'at or after this time: RFC 3339, or a duration ago such as 2h', time)
    .option('--until <time>', 'before this time', time);
}

function filterOf({ id: ids, type: types, since, until }: FilterFlags): UnroutedFilter {
  return { ids, types, since, until };
}

/** An unrouted message may have a type that is not in the catalogue, but a pattern that selects nothing is probably
 *  misspelt. */
function checkTypes(selected: number, { type }: FilterFlags, definitions: Definitions): void {
  if (selected === 0) requireMatch('type', type, Object.keys(definitions));
}

async function openUnrouted(session: FleetSession, access: Access) {
  session.queues(); // rejects an invalid WORKERS before a store or the broker is opened
  return { broker: await session.broker(access), names: session.names, definitions: session.definitions };
}

async function runList({ limit, json = false, ...flags }: ListFlags, context: Context): Promise<void> {
  const { signal } = context;
  const filter = filterOf(flags);
  const { definitions, items, total, unexamined, unanswered } = await withSession(context, async (session) => {
    const open = await openUnrouted(session, 'read');
    return { ...open, ...(await listUnrouted(open, { count: limit, filter, signal })) };
  });
  if (unanswered.length === 0) checkTypes(total, flags, definitions);
  const empty = unanswered.length > 0 || unexamined > 0 ? 'Nothing found.' : 'No unrouted messages.';
  printList(context, items, {
    json,
    total,
    extra: { unexamined, unanswered },
    empty,
    columns: COLUMNS,
    freeText: ['subject'],
  });
  if (!json && total > items.length) context.say(`${items.length} of ${total}`);
  if (!json && unexamined > 0) context.say(`${unexamined} more were not examined.`);
  const commands = items.filter(({ kind }) => kind === 'command').length;
  if (!json && commands > 0) context.say(`ALARM: ${commands} of these are commands, whose senders wait for them.`);
  for (const { reason } of unanswered) context.say(reason);
  if (unanswered.length > 0) throw new CommandFailed('not every queue answered');
}

async function runReplay(flags: ReplayFlags, context: Context): Promise<void> {
  if (flags.dryRun === true) return runList({ ...flags, limit: flags.limit ?? MAX_SHOWN }, context);
  const { json = false, limit: count } = flags;
  const filter = filterOf(flags);
  const progress = createProgress();
  const { definitions, result } = await withSession(context, async (session) => {
    const open = await openUnrouted(session, 'write');
    const onProgress = (done: number, total: number) => progress.show(done, total, 'sent');
    const result = await replayUnrouted(open, { filter, count, signal: context.signal, onProgress });
    return { definitions: open.definitions, result };
  }).finally(progress.end);
  const { sent, unexamined, unrouted } = result;
  checkTypes(sent, flags, definitions);
  if (json) context.printJson(result);
  else context.print(`Sent ${sent}; ${unrouted} are unrouted now.`);
  const isCut = unexamined > 0 && sent !== count;
  if (isCut) {
    context.say(
      `${unexamined} messages were not examined: those not selected are held meanwhile, at most ${MAX_HELD_MESSAGES} or ` +
        `${MAX_HELD_BYTES / 2 ** 20} MiB, for a minute. Replay the oldest first, or without filters.`,
    );
    throw new CommandFailed('not every message was examined');
  }
}
