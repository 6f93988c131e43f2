import type { Fleet } from '../../../fleet/define-fleet.js';
import { findJournal } from '../../../journal/define-journal.js';
import type { JournalFilter } from '../../../journal/entry.js';
import { migrateJournal } from '../../../journal/migrations.js';
import { countJournal, journalEventsLike, journalPages } from '../../../journal/search.js';
import type { ReadFilter, Store } from '../../../store/store.js';
import { readPages } from '../../../store/read-pages.js';
import type { Context } from '../../shared/context.js';
import { enabledWorkers } from '../../../runtime/fleet/enabled-workers.js';
import { servicesOf } from '../../../runtime/stores/services.js';
import { withSession } from '../../shared/session.js';
import { foundInStore, type FoundEvent } from './found-event.js';

/** A searchable history of the fleet. */
export interface SearchedHistory {
  /** The services whose stores are not on this machine. */
  readonly unread: readonly string[];
  /** A line about the source of the history and its newest event. */
  described: () => Promise<string>;
  /** The newest matching events, newest first, and the number of all of them. */
  newest: (filter: JournalFilter, limit: number) => Promise<{ items: FoundEvent[]; total: number }>;
  /** The events whose id has this prefix, at most `limit`. */
  like: (beginning: string, limit: number) => Promise<FoundEvent[]>;
}

/** Runs `work` on the journal if it is on this machine and not empty, otherwise on the stores of the services. */
export async function withHistory<T>(context: Context, work: (history: SearchedHistory) => Promise<T>): Promise<T> {
  return withSession(context, async ({ fleet, config, signal, stores: services }) => {
    const journal = await journalOf(fleet, services.find);
    if (journal !== undefined) return work(inJournal(journal));
    // the store of a worker that is not enabled may be missing
    const enabled = new Set(enabledWorkers(fleet, config).map(({ name }) => name));
    const required = servicesOf({ ...fleet, workers: fleet.workers.filter(({ name }) => enabled.has(name)) });
    const stores = new Map<string, Store>();
    const unread: string[] = [];
    for (const service of services.history.services) {
      const store = await services.find(service);
      if (store !== undefined) stores.set(service, store);
      else if (required.includes(service)) unread.push(service);
    }
    return work(inStores(stores, unread, signal));
  });
}

async function journalOf(
  fleet: Fleet,
  storeOf: (service: string) => Promise<Store | undefined>,
): Promise<Store | undefined> {
  const journal = findJournal(fleet.workers);
  const store = journal && (await storeOf(journal.store));
  if (store === undefined) return undefined;
  await migrateJournal(store);
  const first = await journalPages(store, {}, { pageSize: 1 }).next();
  return first.done === true ? undefined : store;
}

function inJournal(journal: Store): SearchedHistory {
  const newest = async (filter: JournalFilter, limit: number): Promise<FoundEvent[]> => {
    const page = await journalPages(journal, filter, { pageSize: limit, newestFirst: true }).next();
    return page.done === true ? [] : page.value;
  };
  return {
    unread: [],
    described: async () => describe('From the journal', await newest({}, 1)),
    newest: async (filter, limit) => ({
      items: await newest(filter, limit),
      total: await countJournal(journal, filter),
    }),
    like: (beginning, limit) => journalEventsLike(journal, beginning, limit),
  };
}

function inStores(stores: ReadonlyMap<string, Store>, unread: readonly string[], signal: AbortSignal): SearchedHistory {
  const newest = async ({ source, types, ...filter }: JournalFilter, limit: number) => {
    const items: FoundEvent[] = [];
    let total = 0;
    const wanted: ReadFilter = { ...filter, ...(types !== undefined && { type: types }) };
    for (const [service, store] of stores) {
      if (source !== undefined && source !== service) continue;
      for await (const page of readPages(store, { filter: wanted, signal })) {
        total += page.length;
        items.push(...page.map((event) => foundInStore(service, event)));
        items.sort(newestFirst);
        items.splice(limit);
      }
    }
    return { items, total };
  };
  return {
    unread,
    async described() {
      if (stores.size === 0) return 'This machine has neither a journal nor a store of the fleet.';
      const heads = await Promise.all(
        [...stores].map(async ([service, store]) =>
          (await store.readAll(Math.max(0, (await store.head()) - 1), 1)).map((event) => foundInStore(service, event)),
        ),
      );
      const from = `From the stores of ${[...stores.keys()].join(', ')} (no journal on this machine)`;
      return describe(from, heads.flat().sort(newestFirst));
    },
    newest,
    async like(beginning, limit) {
      const found: FoundEvent[] = [];
      for (const [service, store] of stores) {
        for await (const page of readPages(store, { signal })) {
          const those = page.filter(({ id }) => id.startsWith(beginning));
          found.push(...those.map((event) => foundInStore(service, event)));
          if (found.length >= limit) return found.slice(0, limit);
        }
      }
      return found;
    },
  };
}

function newestFirst(a: FoundEvent, b: FoundEvent): number {
  return b.time - a.time || (a.id < b.id ? 1 : -1);
}

function describe(source: string, [newest]: readonly FoundEvent[]): string {
  if (newest === undefined) return `${source}; there are no events yet`;
  return `${source}; the newest event is of ${new Date(newest.time).toISOString()}`;
}
