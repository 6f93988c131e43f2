import { setImmediate } from 'node:timers/promises';
import type { ReadFilter, Store } from './store.js';
import type { StoredEvent } from './stored-event.js';

export interface ReadPagesOptions {
  /** The position after which reading begins. @default 0 */
  after?: number;
  /** The last position to read. @default the head of the store at the start */
  upTo?: number;
  filter?: ReadFilter;
  /** Maximum number of events per page. @default 500 */
  pageSize?: number;
  /** Ends reading before the next page. */
  signal?: AbortSignal;
}

/** Yields all matching events page by page, in the order of positions; no page is empty. Each page is read on
 *  request, so that at most one is in memory. Yields to the event loop between pages, because a store may answer
 *  within the same turn. Ends, without an error, at `upTo` or when the signal aborts. */
export async function* readPages(
  store: Pick<Store, 'readAll' | 'head'>,
  { after = 0, upTo, filter, pageSize = 500, signal }: ReadPagesOptions = {},
): AsyncGenerator<StoredEvent[], void, undefined> {
  const end = upTo ?? (await store.head());
  for (let position = after; position < end && !isAborted(signal);) {
    const page = await store.readAll(position, pageSize, filter);
    const wanted = (page.at(-1)?.position ?? 0) <= end ? page : page.filter((event) => event.position <= end);
    if (wanted.length > 0 && !isAborted(signal)) yield wanted;
    if (page.length < pageSize) return;
    position = page.at(-1)?.position ?? end;
    await setImmediate();
  }
}

/** Prevents the compiler from assuming that the signal is still as it was at the last check. */
function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}
