import { setTimeout as sleep } from 'node:timers/promises';
import type { Broker } from '../broker/contract.js';
import { FlotillaError } from '../errors.js';
import type { JournalEntry } from '../journal/entry.js';
import { countJournal, journalEvent, journalPages } from '../journal/search.js';
import { lastEntry } from '../log/bounds.js';
import { logCheckpoint } from '../log/checkpoint.js';
import type { Store } from '../store/contract.js';
import type { History, HistoryEntry, HistoryRange } from './history.js';

/** How far an event's own time may be ahead of this process's: clocks differ. */
const SKEW = 10 * 60_000;
const PAGE = 200;
const LOOK = 100;

export interface JournalHistoryOptions {
  /** The journal's store, and its worker. */
  store: Pick<Store, 'query'>;
  worker: string;
  broker: Pick<Broker, 'readStream'>;
  /** The log. */
  stream: string;
  /** Milliseconds since the epoch. */
  now: () => number;
  /** Milliseconds for the journal to take what the log has. @default 30000 */
  patience?: number;
}

/** The past as the journal has it, in the order of the events' times. Its end is a time. */
export function journalHistory(options: JournalHistoryOptions): History {
  const { store, worker, broker, stream, now, patience = 30_000 } = options;
  const filterOf = ({ end, filter }: Pick<HistoryRange, 'end' | 'filter'>) => ({
    ...filter,
    until: filter.until !== undefined && Date.parse(filter.until) < Date.parse(end) ? filter.until : end,
  });
  return {
    from: 'journal',
    async end(signal) {
      const ends = new Date(now() + SKEW).toISOString();
      const newest = (await lastEntry(broker, stream))?.offset ?? -1;
      const until = performance.now() + patience;
      for (;;) {
        const taken = (await logCheckpoint(store.query, worker))?.offset ?? -1;
        if (taken >= newest) return ends;
        if (performance.now() > until) {
          throw new FlotillaError(
            'log.unreachable',
            `${worker} is behind the log; see that it runs, or use --from log`,
          );
        }
        await sleep(LOOK, undefined, { signal });
      }
    },
    async incomplete() {
      const [gap] = await store.query<{ noticed_at: string; out_of_reach: string | null }>`
        SELECT noticed_at, out_of_reach FROM journal_gaps
        WHERE filled_at IS NULL OR out_of_reach <> '' ORDER BY number LIMIT 1`;
      if (gap === undefined) return undefined;
      const stores = gap.out_of_reach === null ? 'the stores' : `the stores of ${gap.out_of_reach}`;
      return `the journal lacks what only ${stores} had (noticed at ${gap.noticed_at})`;
    },
    async verify({ place, mark }) {
      if ((await journalEvent(store, mark))?.place === place) return;
      throw new FlotillaError('replay.refused', 'the journal was made anew since this replay began');
    },
    size: (range) => countJournal(store, filterOf(range)),
    async *read({ after, signal, ...range }) {
      const pages = journalPages(store, filterOf(range), {
        portion: PAGE,
        signal,
        ...(after !== null && { after: after.place }),
      });
      for await (const page of pages) {
        const last = page.at(-1);
        if (last === undefined) continue;
        const entries = page.map(entryOf);
        yield { entries, place: last.place, mark: last.id, looked: page.length, unreadable: 0 };
      }
    },
  };
}

function entryOf({ place, id, type, source, subject, correlationId, time, body }: JournalEntry): HistoryEntry {
  return { place, mark: id, event: { id, type, source, subject, correlationId, time }, body: Buffer.from(body) };
}
