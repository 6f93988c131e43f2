import type { Store } from '../store/contract.js';
import type { JournalEntry, JournalFilter } from './entry.js';

export interface JournalPagesOptions {
  /** The place after which to begin; newest first, before which. @default the beginning, newest first the end */
  after?: string;
  /** Events in a page at most. @default 500 */
  portion?: number;
  /** @default the oldest first */
  newestFirst?: boolean;
  /** Ends the reading before the next page. */
  signal?: AbortSignal;
}

/** Gives the events that match, page by page, in the order of their times; no page is empty. Reads a page when it is asked
 *  for one. What the journal learns meanwhile is seen where its time is still ahead. Ends, without an error, when there
 *  are no more or the signal aborts. */
export async function* journalPages(
  store: Pick<Store, 'query'>,
  filter: JournalFilter = {},
  options: JournalPagesOptions = {},
): AsyncGenerator<JournalEntry[], void, undefined> {
  await Promise.resolve();
  throw new Error(`not built yet: ${typeof store} ${typeof filter} ${typeof options}`);
}

/** The event with this id; undefined where the journal has none. */
export function journalEvent(store: Pick<Store, 'query'>, id: string): Promise<JournalEntry | undefined> {
  return Promise.reject(new Error(`not built yet: ${typeof store} ${id}`));
}

/** How many events match. */
export function countJournal(store: Pick<Store, 'query'>, filter: JournalFilter = {}): Promise<number> {
  return Promise.reject(new Error(`not built yet: ${typeof store} ${typeof filter}`));
}
