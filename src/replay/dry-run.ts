import type { HistoryEntry } from './history/history.js';
import type { ReplayContext } from './replay-context.js';
import { noCounts, type ReplayCounts, type ReplayRequest } from './runs/replay-run.js';
import type { RunOptions } from './sending/send-run.js';
import { filterOf, selector } from './select-events.js';

/** The messages that a replay would send. */
export interface ReplayDryRun extends Omit<ReplayCounts, 'sent' | 'byType'> {
  /** The number of messages that the replay would send. */
  wouldSend: number;
  /** `wouldSend` by type. */
  byType: ReplayCounts['byType'];
  /** How many of `wouldSend` the worker has handled and will skip; null if its store is on another machine. */
  alreadyDone: number | null;
  /** The first events that would be sent. */
  items: { id: string; source: string; type: string; subject: string; time: string; alreadyDone: boolean | null }[];
}

const MAX_LISTED = 100;

/** Reads history and counts what a replay would send, without sending or changing anything. */
export async function dryRun(
  context: ReplayContext,
  { selection, again, force, limit }: ReplayRequest,
  { signal, onProgress }: Pick<RunOptions, 'signal' | 'onProgress'>,
): Promise<ReplayDryRun> {
  const { worker, history, workerStore, memory, now } = context;
  const known = workerStore !== undefined || again !== null;
  const { sent: wouldSend, ...counts } = noCounts();
  const result: ReplayDryRun = { wouldSend, ...counts, alreadyDone: known ? 0 : null, items: [] };
  const select = selector(worker, selection, again !== null || force ? undefined : now() - memory);
  const end = await history.end(signal);
  if (end === undefined) return result;
  const range = { after: null, end, filter: filterOf(worker, selection) };
  const size = onProgress === undefined ? 0 : await history.size(range);
  let scanned = 0;
  for await (const page of history.read({ ...range, signal })) {
    const chosen: HistoryEntry[] = [];
    for (const entry of page.entries) {
      const selected = select(entry.event);
      if (selected === 'command') result.skippedCommands += 1;
      if (selected === 'too_old') result.tooOld += 1;
      if (selected === 'send' && result.wouldSend + chosen.length < (limit ?? Infinity)) chosen.push(entry);
    }
    const done = await Promise.all(chosen.map(({ event }) => isDone(context, again, event)));
    for (const [index, { event }] of chosen.entries()) note(result, event, done[index] ?? null);
    result.unreadable += page.unreadable;
    scanned += page.scanned;
    onProgress?.(scanned, size, result.wouldSend);
    if (limit !== null && result.wouldSend >= limit) break;
  }
  signal.throwIfAborted();
  return result;
}

function note(result: ReplayDryRun, event: HistoryEntry['event'], alreadyDone: boolean | null): void {
  const { id, source, type, subject, time } = event;
  result.wouldSend += 1;
  result.byType[type] = (result.byType[type] ?? 0) + 1;
  if (alreadyDone === true && result.alreadyDone !== null) result.alreadyDone += 1;
  if (result.items.length < MAX_LISTED) {
    result.items.push({ id, source, type, subject, time: new Date(time).toISOString(), alreadyDone });
  }
}

/** Whether the worker would skip the event; null if unknown. With `--again` it skips nothing. */
async function isDone(
  { worker, workerStore }: ReplayContext,
  again: ReplayRequest['again'],
  { source, id }: HistoryEntry['event'],
): Promise<boolean | null> {
  if (again !== null) return false;
  return workerStore === undefined ? null : workerStore.handled({ consumer: worker.name, source, id });
}
