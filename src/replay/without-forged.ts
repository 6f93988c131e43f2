import type { Store } from '../store/contract.js';
import type { History, HistoryEntry } from './history.js';

/**
 * The same history without events that the store of their service does not have, to the byte: whoever may publish can have put
 * them into the log in its name. What is passed over counts as unreadable. Events of services whose store is out of reach, and of
 * sources outside the fleet, are left to the worker to judge.
 */
export function withoutForged(
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
