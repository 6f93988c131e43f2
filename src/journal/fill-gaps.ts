import { failpoint } from '../failpoints.js';
import type { BesideOptions, History } from '../log/taker.js';
import type { LogBreak } from '../log/place.js';
import type { Store, Tx } from '../store/contract.js';
import { readPages } from '../store/read-pages.js';
import type { Logger } from '../telemetry/logger.js';
import { insertRecords, recordOfStored } from './rows.js';

const PAGE = 500;
const LOOK = 60_000;

/** Remembers that something is missing, until it has been taken from the stores. */
export async function noteGap({ sql }: Tx, { kind }: LogBreak, now: number): Promise<void> {
  await sql`
    INSERT INTO journal_gaps (number, kind, noticed_at)
    SELECT COALESCE(MAX(number), 0) + 1, ${kind}, ${new Date(now).toISOString()} FROM journal_gaps`;
}

/** Takes what the log did not have from the stores of the services, whenever a gap is noted: every event of each of them
 *  after what was taken the last time, whether or not it also came by the log. Interrupted anywhere, it goes on there. Ends
 *  when the signal aborts. */
export async function fillGaps(
  store: Store,
  { history, broken, logger, signal }: BesideOptions,
  now: () => number,
): Promise<void> {
  while (!signal.aborted) {
    const [open] = await store.query<{ newest: number | null }>`
      SELECT MAX(number) AS newest FROM journal_gaps WHERE filled_at IS NULL`;
    const newest = open?.newest ?? undefined;
    if (newest === undefined) await broken(LOOK);
    else await fill(store, { upTo: newest, history, logger, signal, now });
  }
}

interface Filling {
  /** The number of the latest gap that is noted. */
  upTo: number;
  history: History;
  logger: Logger;
  signal: AbortSignal;
  now: () => number;
}

async function fill(store: Store, { upTo, history, logger, signal, now }: Filling): Promise<void> {
  const outOfReach: string[] = [];
  let found = 0;
  for (const service of history.services) {
    const source = await history.open(service);
    if (source === undefined) outOfReach.push(service);
    else found += await fillFrom(store, service, source, signal);
    if (signal.aborted) return;
  }
  await store.transaction(async ({ sql }) => {
    await sql`
      UPDATE journal_gaps SET filled_at = ${new Date(now()).toISOString()}, out_of_reach = ${outOfReach.join(', ')}
      WHERE number <= ${upTo} AND filled_at IS NULL`;
  });
  logger.info('journal: took from the stores what the log did not have', { events: found, outOfReach });
}

/** Gives how many events of the service the journal did not have. */
async function fillFrom(
  store: Store,
  service: string,
  source: Pick<Store, 'readAll' | 'head'>,
  signal: AbortSignal,
): Promise<number> {
  const [row] = await store.query<{ position: number }>`
    SELECT position FROM journal_sources WHERE source = ${service}`;
  let found = 0;
  for await (const page of readPages(source, { after: Number(row?.position ?? 0), pageSize: PAGE, signal })) {
    const records = page.map(recordOfStored);
    const position = page.at(-1)?.position ?? 0;
    found += await store.transaction(async ({ sql }) => {
      await sql`
        INSERT INTO journal_sources (source, position) VALUES (${service}, ${position})
        ON CONFLICT (source) DO UPDATE SET position = excluded.position
        WHERE excluded.position > journal_sources.position`;
      return insertRecords(sql, records);
    });
    failpoint('journal.filled');
  }
  return found;
}
