import { setImmediate } from 'node:timers/promises';
import type { ReadFilter, Store } from './store.js';
import type { StoredEvent } from './stored-event.js';

export interface ReadPagesOptions {
  /** The position after which to begin. @default 0 */
  after?: number;
  /** The last position to read. @default the head of the store as of the start */
  upTo?: number;
  filter?: ReadFilter;
  /** Events in a page at most. @default 500 */
  pageSize?: number;
  /** Ends the reading before the next page. */
  signal?: AbortSignal;
}

/** Reads all events that fit, page by page, in the order of positions; no page is empty. Reads a page when it is asked for
 *  one, so that no more than one is in memory, and lets the event loop turn before each further one, as a store may answer
 *  within the turn. Ends, without an error, at `upTo` or when the signal aborts. */
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

/** The signal may have aborted since it was last asked, which the compiler does not know. */
function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}
