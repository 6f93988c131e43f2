import type { Store } from '../../store/store.js';
import type { History, HistoryEntry } from './history.js';

/** The same history without events that differ from the store of their service, or are missing there: any publisher may
 *  have put them into the stream under the name of that service. Excluded events count as unreadable. Events of
 *  services whose store is unreachable, and of external sources, are included; the worker verifies them. */
export function verifiedHistory(
  history: History,
  storeOf: (service: string) => Promise<Pick<Store, 'event'> | undefined>,
): History {
  const isGenuine = async ({ event, body }: HistoryEntry) => {
    const store = await storeOf(event.source);
    if (store === undefined) return true;
    const stored = await store.event(event.id);
    return stored !== undefined && Buffer.from(stored.body).equals(body);
  };
  return {
    ...history,
    async *read(range) {
      for await (const page of history.read(range)) {
        const entries: HistoryEntry[] = [];
        for (const entry of page.entries) if (await isGenuine(entry)) entries.push(entry);
        yield { ...page, entries, unreadable: page.unreadable + page.entries.length - entries.length };
      }
    },
  };
}
