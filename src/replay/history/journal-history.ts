import { setTimeout as sleep } from 'node:timers/promises';
import type { Broker } from '../../broker/broker.js';
import { FlotillaError } from '../../errors.js';
import { highestRow, type JournalEntry } from '../../journal/entry.js';
import { countJournal, journalEvent, journalPages } from '../../journal/search.js';
import { newestEntry } from '../../event-log/reading/log-bounds.js';
import { logCheckpoint } from '../../event-log/positions/checkpoint-table.js';
import { BEFORE_FIRST, positionOf, type LogPosition } from '../../event-log/positions/position.js';
import { isRetained } from '../../event-log/positions/verify-position.js';
import type { Store } from '../../store/store.js';
import type { History, HistoryEntry, HistoryRange } from './history.js';

const PAGE_SIZE = 200;
const POLL_INTERVAL_MS = 100;

export interface JournalHistoryOptions {
  /** The journal's store, and its worker. */
  store: Pick<Store, 'query'>;
  worker: string;
  broker: Pick<Broker, 'readStream' | 'queueDepth'>;
  /** The name of the stream. */
  stream: string;
  /** Milliseconds for the journal to catch up with the stream and to fill its gaps. @default 30000 */
  patience?: number;
}

/** The history in the journal, sorted by the events' times. Its end is a row number: events that the journal adds
 *  later, whatever their time, are excluded, and no earlier row is skipped. */
export function journalHistory(options: JournalHistoryOptions): History {
  const { store, worker, broker, stream, patience = 30_000 } = options;
  const filterOf = ({ end, filter }: Pick<HistoryRange, 'end' | 'filter'>) => ({ ...filter, upToRow: Number(end) });
  /** Why the journal is not yet complete. */
  const incompleteness = async (newest: LogPosition) => {
    const consumed = (await logCheckpoint(store.query, worker)) ?? BEFORE_FIRST;
    // after a recreation of the stream, an old position may be higher than all of its offsets
    const isOfThisLog = consumed.offset < 0 || (await isRetained(broker, stream, consumed));
    if (consumed.offset < newest.offset || !isOfThisLog) {
      return `${worker} is behind the log; check that it runs, or use --from log`;
    }
    const gaps = await store.query`SELECT number FROM journal_gaps WHERE filled_at IS NULL LIMIT 1`;
    return gaps.length === 0 ? undefined : `${worker} is still recovering lost entries from the stores`;
  };
  return {
    from: 'journal',
    async end(signal) {
      const entry = await newestEntry(broker, stream);
      const newest = entry === undefined ? BEFORE_FIRST : positionOf(entry);
      const until = performance.now() + patience;
      for (let reason = await incompleteness(newest); reason !== undefined; reason = await incompleteness(newest)) {
        if (performance.now() > until) throw new FlotillaError('log.unreachable', reason);
        await sleep(POLL_INTERVAL_MS, undefined, { signal });
      }
      return String(await highestRow(store.query));
    },
    async incomplete() {
      const [gap] = await store.query<{ noticed_at: string; out_of_reach: string | null }>`
        SELECT noticed_at, out_of_reach FROM journal_gaps
        WHERE filled_at IS NULL OR out_of_reach <> '' ORDER BY number LIMIT 1`;
      if (gap === undefined) return undefined;
      const stores = gap.out_of_reach === null ? 'the stores' : `the stores of ${gap.out_of_reach}`;
      return `the journal lacks events that only ${stores} have (noticed at ${gap.noticed_at})`;
    },
    async verify({ place, mark }) {
      if ((await journalEvent(store, mark))?.place === place) return;
      throw new FlotillaError('replay.refused', 'the journal was recreated since this replay began');
    },
    size: (range) => countJournal(store, filterOf(range)),
    async *read({ after, signal, ...range }) {
      const pages = journalPages(store, filterOf(range), {
        pageSize: PAGE_SIZE,
        signal,
        ...(after !== null && { after: after.place }),
      });
      for await (const page of pages) {
        const last = page.at(-1);
        if (last === undefined) continue;
        const entries = page.map(entryOf);
        yield { entries, place: last.place, mark: last.id, scanned: page.length, unreadable: 0 };
      }
    },
  };
}

function entryOf({ place, id, type, source, subject, correlationId, time, body }: JournalEntry): HistoryEntry {
  return { place, mark: id, event: { id, type, source, subject, correlationId, time }, body: Buffer.from(body) };
}
