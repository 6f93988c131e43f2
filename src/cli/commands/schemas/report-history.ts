import type { UnreadableGroup } from '../../../contracts/history-tally.js';
import { checkHistory, type HistoryReport } from '../../../runtime/history/check-history.js';
import { storeFiles } from '../../../runtime/history/store-files.js';
import { requireKnown } from '../../../text/known-names.js';
import type { Context } from '../../shared/context.js';
import { CommandFailed } from '../../shared/failure.js';
import { table } from '../../shared/output/print-list.js';
import { createProgress } from '../../shared/output/progress.js';
import { withSession } from '../../shared/session.js';

export interface HistoryFlags {
  service?: string[];
  broker?: boolean;
  json?: boolean;
}

/** Reads all of history with the catalogue and prints what it cannot read. */
export async function reportHistory({ service, broker, json = false }: HistoryFlags, context: Context): Promise<void> {
  const progress = createProgress();
  const report = await withSession(context, (session) => {
    const { files, absent } = storeFiles(session, session.fleet);
    const known = [...files.map((file) => file.service), ...absent].sort();
    for (const name of service ?? []) requireKnown('service', name, known);
    return checkHistory(session, {
      services: service,
      ...(broker === false && { broker }),
      signal: context.signal,
      onProgress: (checked, place) => progress.count(checked, `messages, ${place}`),
    });
  }).finally(progress.end);
  if (json) context.printJson(report, 2);
  else printReport(report, context);
  const { unreadable, unread } = report;
  if (unreadable > 0) throw new CommandFailed('the catalogue does not read all of history');
  if (unread.length > 0) throw new CommandFailed('not everything was read');
}

function printReport(report: HistoryReport, context: Context): void {
  const { checked, unreadable, places, groups, known, unread, absent, queued } = report;
  for (const group of groups) printGroup('UNREADABLE', group, context);
  for (const group of known) printGroup('DEAD-LETTERED', group, context);
  const columns = {
    place: ({ place }: (typeof places)[number]) => place,
    checked: (counts: (typeof places)[number]) => number(counts.checked),
    unreadable: (counts: (typeof places)[number]) => number(counts.unreadable),
  };
  for (const line of table(places, columns, { width: context.width })) context.print(line);
  const left = known.reduce((sum, { count }) => sum + count, 0);
  context.print(
    `${number(unreadable)} of ${number(checked)} unreadable` +
      (left === 0 ? '' : `, besides ${number(left)} dead-lettered as unreadable`),
  );
  for (const { place, reason } of unread) context.say(`Not read: ${place}: ${reason}`);
  if (absent.length > 0) context.say(`Not on this machine: the stores of ${absent.join(', ')}.`);
  const workers = Object.entries(queued).map(([worker, count]) => `${worker} ${count}`);
  if (workers.length > 0) {
    context.say(`In the queues of workers, which are not read because a delivery counts: ${workers.join(', ')}.`);
  }
}

function printGroup(label: string, group: UnreadableGroup, { print }: Context): void {
  const { type, version, code, count, places, first, last, message, remedy } = group;
  print(`${label} ${code}  ${type ?? '(no event)'} ${version ?? ''}`.trimEnd() + `  ${number(count)}`);
  print(`  why       ${message}`);
  const where = Object.entries(places).map(([place, times]) => `${place} ${number(times)}`);
  print(`  where     ${where.join(', ')}`);
  for (const [name, { id, time, inspect }] of Object.entries({ first, last })) {
    print(`  ${name.padEnd(10)}${[time, id, inspect].filter((part) => part !== null).join('  ')}`);
  }
  print(`  remedy    ${remedy}`);
}

function number(value: number): string {
  return value.toLocaleString('en-US');
}
