import { TableScan } from '../store/sqlite/read/table-scan.js';

/** An event of the journal, not decoded. */
export interface JournalBody {
  id: string;
  /** RFC 3339. */
  time: string;
  body: string;
}

type Row = [key: number, id: string, time: number, body: string | null];

/** Bodies are large; those of the given sources are not read. */
const EVENTS = `SELECT row_number, id, time, CASE WHEN source IN (SELECT value FROM json_each(@sources)) THEN NULL ELSE body END
  FROM journal_events WHERE row_number > @after ORDER BY row_number LIMIT +@limit`;

/** Calls `visit` for every event in the file of a journal that is not from one of these sources. Reads beside the processes
 *  that use the store, as `visitStoredBodies` does. */
export async function visitOtherSources(
  path: string,
  sources: readonly string[],
  signal: AbortSignal,
  visit: (entry: JournalBody) => void,
): Promise<void> {
  const scan = new TableScan(path);
  try {
    if (!scan.has('journal_events')) return;
    await scan.each<number, Row>(EVENTS, { after: 0, values: { sources: JSON.stringify(sources) }, signal }, (row) => {
      const [, id, time, body] = row;
      if (body !== null) visit({ id, time: new Date(time).toISOString(), body });
    });
  } finally {
    scan.close();
  }
}
