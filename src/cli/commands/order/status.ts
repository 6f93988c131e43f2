import type { Command } from 'commander';
import { formatAge } from '../../../duration.js';
import type { HotSubject, OrderStatus, PartitionStatus } from '../../../observability/order-status.js';
import type { Context } from '../../shared/context.js';
import { examples } from '../../shared/examples.js';
import { failureLines } from '../../shared/failure.js';
import { interval } from '../../shared/input/arguments.js';
import { table } from '../../shared/output/print-list.js';
import { repeat } from '../../shared/output/repeat.js';
import { requireAllRead } from '../../shared/output/unread-stores.js';
import { withSession } from '../../shared/session.js';
import { findOrdered, orderedWorkers } from '../subject/ordered-workers.js';
import { readOrder, type OrderStatuses } from './source.js';

interface Flags {
  json?: boolean;
  watch?: number | true;
}

export function registerStatus(order: Command, context: Context): void {
  order
    .command('status')
    .description('show the partitions of ordered workers, what waits there, and the subjects with the most messages')
    .argument('[worker]')
    .option('--watch [interval]', 'repeat at this interval (default: 2s) until Ctrl-C', interval)
    .option('--json', 'print JSON; with --watch one line each time')
    .addHelpText(
      'after',
      examples(
        ['flotilla order status', 'all ordered workers'],
        ['flotilla order status statements --watch', 'one of them, again every two seconds'],
      ),
    )
    .action((worker: string | undefined, flags: Flags) => runStatus(worker, flags, context));
}

async function runStatus(name: string | undefined, flags: Flags, context: Context): Promise<void> {
  const { json = false, watch } = flags;
  await withSession(context, async (session) => {
    const workers = name === undefined ? orderedWorkers(session) : [findOrdered(session, name)];
    const read = async (now: number) => {
      const found = await readOrder(session, workers);
      const { items, problems, unreachable } = found;
      const shown = { json: { items, total: items.length, problems, unread: session.stores.unread } };
      return { ...shown, lines: () => linesOf(found, { now, width: context.width }), unreachable };
    };
    if (watch !== undefined) return repeat(context, watch === true ? undefined : watch, json, read);
    const shown = await read(Date.now());
    if (json) context.printJson(shown.json, 2);
    else for (const line of shown.lines()) context.print(line);
    if (shown.unreachable !== undefined) throw shown.unreachable;
    requireAllRead(context, session.stores.unread);
  });
}

interface Screen {
  /** Milliseconds since the epoch. */
  now: number;
  width: number;
}

function linesOf({ items, problems, unreachable }: OrderStatuses, screen: Screen): string[] {
  if (items.length === 0) return ['No worker is ordered.'];
  const tables = items.flatMap((item, index) => [...(index === 0 ? [] : ['']), ...workerLines(item, screen)]);
  const notes = [
    ...(unreachable === undefined ? [] : failureLines(unreachable)),
    ...problems.map((problem) => `Unknown: ${problem}`),
  ];
  return notes.length === 0 ? tables : [...tables, '', ...notes];
}

function workerLines(item: OrderStatus, { now, width }: Screen): string[] {
  const { worker, by, existing, partitions, hottest } = item;
  const missing =
    existing === null || existing === partitions.length ? '' : `, ${existing} exist: flotilla topology apply`;
  return [
    `${worker}, by ${by}: ${sizeText(item)}${missing}`,
    ...table(partitions, partitionColumns(now), { width }),
    ...(hottest.length === 0
      ? []
      : ['', ...table(hottest, SUBJECT_COLUMNS, { width, freeText: ['hottest subjects'] })]),
  ];
}

/** `16 partitions (8 in its definition), changing to 32: 12 old ones are empty` */
function sizeText({ size, defined, moving }: OrderStatus): string {
  const text = size === 1 ? '1 partition' : `${size} partitions`;
  const other = size === defined ? '' : ` (${defined} in its definition)`;
  return `${text}${other}${moving === null ? '' : `, changing to ${moving.to}: ${moving.passed} old ones are empty`}`;
}

function partitionColumns(now: number) {
  return {
    partition: ({ queue }: PartitionStatus) => queue,
    ready: ({ ready }: PartitionStatus) => numberCell(ready),
    'in flight': ({ inFlight }: PartitionStatus) => numberCell(inFlight),
    oldest: (partition: PartitionStatus) => ageCell(partition, now),
    active: ({ consumers }: PartitionStatus) => (consumers === null ? '?' : consumers > 0 ? 'yes' : 'no'),
    parked: ({ parked }: PartitionStatus) => numberCell(parked),
    held: ({ held }: PartitionStatus) => numberCell(held),
    stalled: stallCell,
  };
}

const SUBJECT_COLUMNS = {
  'hottest subjects': ({ subject }: HotSubject) => subject,
  partition: ({ queue }: HotSubject) => queue,
  'in 2 min': ({ messages }: HotSubject) => numberCell(messages),
  parked: ({ parked }: HotSubject) => numberCell(parked),
};

function numberCell(value: number | null): string {
  return value === null ? '?' : String(value);
}

/** Of messages that only the broker has, the age is not known. */
function ageCell({ oldest, ready }: PartitionStatus, now: number): string {
  if (oldest !== null) return formatAge(Math.max(0, now - Date.parse(oldest)));
  return ready === 0 ? '-' : '?';
}

/** `no (2 before)` */
function stallCell({ isStalled, stalls }: PartitionStatus): string {
  if (isStalled === null || stalls === null) return '?';
  if (isStalled) return 'yes';
  return stalls === 0 ? 'no' : `no (${stalls} before)`;
}
