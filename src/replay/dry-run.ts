import type { HistoryEntry } from './history/history.js';
import type { ReplayContext } from './replay-context.js';
import { noCounts, type ReplayCallbacks, type ReplayCounts, type ReplayRequest } from './runs/replay-run.js';
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
  /** The first of these events, in the order of history. Handled events are listed only if there is room after all
   *  others. */
  items: DryRunItem[];
  /** How many of `wouldSend` are not in `items`. */
  omitted: number;
}

interface DryRunItem {
  id: string;
  source: string;
  type: string;
  subject: string;
  time: string;
  alreadyDone: boolean | null;
}

export interface DryRunOptions extends Pick<ReplayCallbacks, 'onProgress'> {
  /** Maximum number of events in `items`, which are held in memory. @default 100 */
  maxItems?: number | undefined;
}

/** Reads history and counts what a replay would send, without sending or changing anything. */
export async function dryRun(
  context: ReplayContext,
  { selection, again, force, limit }: ReplayRequest,
  { signal, onProgress, maxItems = 100 }: DryRunOptions & Pick<RunOptions, 'signal'>,
): Promise<ReplayDryRun> {
  const { worker, history, workerStore, memory, now } = context;
  const known = workerStore !== undefined || again !== null;
  const { sent: wouldSend, ...counts } = noCounts();
  const result: ReplayDryRun = { wouldSend, ...counts, alreadyDone: known ? 0 : null, items: [], omitted: 0 };
  const list = new BoundedList(maxItems);
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
    for (const [index, { event }] of chosen.entries()) {
      const alreadyDone = done[index] ?? null;
      list.add(event, alreadyDone);
      result.wouldSend += 1;
      result.byType[event.type] = (result.byType[event.type] ?? 0) + 1;
      if (alreadyDone === true && result.alreadyDone !== null) result.alreadyDone += 1;
    }
    result.unreadable += page.unreadable;
    scanned += page.scanned;
    onProgress?.(scanned, size, result.wouldSend);
    if (limit !== null && result.wouldSend >= limit) break;
  }
  signal.throwIfAborted();
  const items = list.items();
  return { ...result, items, omitted: result.wouldSend - items.length };
}

/** The first events in the order of history; handled ones only as far as others leave room. */
class BoundedList {
  readonly #unhandled: [order: number, item: DryRunItem][] = [];
  readonly #handled: [order: number, item: DryRunItem][] = [];
  #added = 0;

  constructor(private readonly max: number) {}

  add({ id, source, type, subject, time }: HistoryEntry['event'], alreadyDone: boolean | null): void {
    const list = alreadyDone === true ? this.#handled : this.#unhandled;
    this.#added += 1;
    if (list.length === this.max) return;
    list.push([this.#added, { id, source, type, subject, time: new Date(time).toISOString(), alreadyDone }]);
  }

  items(): DryRunItem[] {
    return [...this.#unhandled, ...this.#handled]
      .slice(0, this.max)
      .sort(([a], [b]) => a - b)
      .map(([, item]) => item);
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
