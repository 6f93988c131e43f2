import type { HistoryEntry } from './history.js';
import type { Replayer } from './replayer.js';
import { noCounts, type ReplayCounts, type ReplayRequest } from './run.js';
import type { RunOptions } from './run-replay.js';
import { filterOf, sorter } from './sort.js';

/** What a replay would do. */
export interface Outlook extends ReplayCounts {
  /** Of `sent`, how many the worker has handled and will skip; null where its store is elsewhere. */
  alreadyDone: number | null;
  /** The first of those that would be sent. */
  items: { id: string; source: string; type: string; subject: string; time: string; alreadyDone: boolean | null }[];
}

/** More of them are counted, not listed. */
const LISTED = 100;

/** Looks through history without sending or changing anything: how many would be sent, and what would become of them. */
export async function lookAhead(
  replayer: Replayer,
  { selection, again, force, limit }: ReplayRequest,
  { signal, onProgress }: RunOptions,
): Promise<Outlook> {
  const { worker, history, workerStore, memory, now } = replayer;
  const known = workerStore !== undefined || again !== null;
  const outlook: Outlook = { ...noCounts(), alreadyDone: known ? 0 : null, items: [] };
  const verdict = sorter(worker, selection, again !== null || force ? undefined : now() - memory);
  const end = await history.end(signal);
  if (end === undefined) return outlook;
  const range = { after: null, end, filter: filterOf(worker, selection) };
  const size = onProgress === undefined ? 0 : await history.size(range);
  let looked = 0;
  for await (const page of history.read({ ...range, signal })) {
    const meant: HistoryEntry[] = [];
    for (const entry of page.entries) {
      const found = verdict(entry.event);
      if (found === 'command') outlook.commands += 1;
      if (found === 'too_old') outlook.tooOld += 1;
      if (found === 'send' && outlook.sent + meant.length < (limit ?? Infinity)) meant.push(entry);
    }
    const done = await Promise.all(meant.map(({ event }) => isDone(replayer, again, event)));
    for (const [index, { event }] of meant.entries()) note(outlook, event, done[index] ?? null);
    outlook.unreadable += page.unreadable;
    looked += page.looked;
    onProgress?.(looked, size, outlook.sent);
    if (limit !== null && outlook.sent >= limit) break;
  }
  signal.throwIfAborted();
  return outlook;
}

function note(outlook: Outlook, event: HistoryEntry['event'], alreadyDone: boolean | null): void {
  const { id, source, type, subject, time } = event;
  outlook.sent += 1;
  outlook.byType[type] = (outlook.byType[type] ?? 0) + 1;
  if (alreadyDone === true && outlook.alreadyDone !== null) outlook.alreadyDone += 1;
  if (outlook.items.length < LISTED) {
    outlook.items.push({ id, source, type, subject, time: new Date(time).toISOString(), alreadyDone });
  }
}

/** Whether the worker would skip it; null where that is not known here. What is handled again is skipped by nobody. */
async function isDone(
  { worker, workerStore }: Replayer,
  again: ReplayRequest['again'],
  { source, id }: HistoryEntry['event'],
): Promise<boolean | null> {
  if (again !== null) return false;
  return workerStore === undefined ? null : workerStore.handled({ consumer: worker.name, source, id });
}
