import type { Fleet } from '../fleet/define-fleet.js';
import { findJournal } from '../journal/define-journal.js';
import { migrateJournal } from '../journal/migrations.js';
import { seenCounts } from '../journal/seen.js';
import type { Store } from '../store/store.js';
import { handledCounts, migrateHandled, type HandledCount } from '../traffic/handled-table.js';
import { workerDefinitionOf } from '../worker/definition/worker-definition.js';
import type { Observations } from './observed.js';

export interface ObservedStores {
  /** The services of the fleet. */
  services: readonly string[];
  /** Resolves with the store of a service; undefined if it is not on this machine. */
  open: (service: string) => Promise<Store | undefined>;
  /** Milliseconds since the epoch. */
  now: number;
}

export interface ReadObservations extends Observations {
  /** The services whose stores are not on this machine. */
  unread: string[];
  /** Events that the journal has and has not yet counted: it counts those of an earlier version of the library when it
   *  starts. */
  uncounted: number;
}

/** Reads the counters of the journal and of the workers' stores. */
export async function readObservations(
  { workers }: Pick<Fleet, 'workers'>,
  { services, open, now }: ObservedStores,
): Promise<ReadObservations> {
  const unread: string[] = [];
  const find = async (service: string) => {
    const store = await open(service);
    if (store === undefined) unread.push(service);
    return store;
  };
  const journal = findJournal(workers);
  const journalStore = journal && (await find(journal.store));
  if (journalStore !== undefined) await migrateJournal(journalStore);
  const { seen, uncounted = 0 } = (journalStore && (await seenCounts(journalStore))) ?? {};
  const handled = new Map<string, HandledCount[]>();
  const definitions = workers.map(workerDefinitionOf).filter(({ consumeStream }) => consumeStream === undefined);
  for (const service of new Set(definitions.map(({ store }) => store))) {
    const store = await find(service);
    if (store === undefined) continue;
    await migrateHandled(store);
    handled.set(service, await handledCounts(store.query));
  }
  return { seen, handled, services, now, unread, uncounted };
}
