import { messageOf } from '../errors.js';
import { failpoint } from '../failpoints.js';
import type { BesideOptions, History } from '../event-log/taker.js';
import type { LogBreak } from '../event-log/place.js';
import type { Store, Tx } from '../store/contract.js';
import { isStoreGone } from '../store/is-gone.js';
import { readPages } from '../store/read-pages.js';
import type { Logger } from '../telemetry/logger.js';
import { lostEventsError, noteLostEvents } from './lost-events.js';
import { insertRecords, recordOfStored } from './rows.js';

const PAGE = 500;
const LOOK = 60_000;
/** Between the names of stores that are out of reach. */
const SEPARATOR = ', ';

/** What may be missing: where the log is broken; or, `resumed`, where nothing shows that it is, as a broker that was killed
 *  may come back without the last of what it had confirmed, and go on with the same offsets. */
type GapKind = LogBreak['kind'] | 'resumed';

/** Remembers that something is missing, or may be, until it has been taken from the stores. */
export async function noteGap({ sql }: Tx, { kind }: { kind: GapKind }, now: number): Promise<void> {
  await sql`
    INSERT INTO journal_gaps (number, kind, noticed_at)
    SELECT COALESCE(MAX(number), 0) + 1, ${kind}, ${new Date(now).toISOString()} FROM journal_gaps`;
}

/** One that is not filled yet, or not from every store. */
interface Gap {
  number: number;
  kind: GapKind;
  filled_at: string | null;
  out_of_reach: string | null;
}

/** Takes what the log did not have from the stores of the services, whenever a gap is noted: every event of each of them
 *  after what was taken the last time, whether or not it also came by the log. A store that is out of reach is asked for
 *  again now and then. Interrupted anywhere, it goes on there. Ends when the signal aborts. */
export async function fillGaps(
  store: Store,
  { history, broken, logger, onStoreBehind, signal }: BesideOptions,
  now: () => number,
): Promise<void> {
  while (!signal.aborted) {
    await reportLostEvents(store, { history, onStoreBehind, logger, signal, now });
    const gaps = await store.query<Gap>`
      SELECT number, kind, filled_at, out_of_reach FROM journal_gaps WHERE filled_at IS NULL OR out_of_reach <> ''`;
    await fill(store, gaps, { history, logger, signal, now });
    if (!gaps.some(isNew)) await broken(LOOK);
  }
}

/** Compares the stores within reach with what the journal has of them. One that cannot be compared keeps nothing from
 *  being filled. */
async function reportLostEvents(
  journal: Store,
  { history, onStoreBehind, logger, signal, now }: Omit<BesideOptions, 'broken'> & { now: () => number },
): Promise<void> {
  for (const service of history.services) {
    if (signal.aborted) return;
    try {
      const source = await history.open(service);
      const lost = source && (await noteLostEvents(journal, service, source, now()));
      if (lost !== undefined) onStoreBehind(service, lost.count, lostEventsError(lost));
    } catch (error) {
      if (isStoreGone(error)) throw error;
      logger.warn('journal: a store could not be compared', { service, error: messageOf(error) });
    }
  }
}

interface Filling {
  history: History;
  logger: Logger;
  signal: AbortSignal;
  now: () => number;
}

async function fill(store: Store, gaps: readonly Gap[], { history, logger, signal, now }: Filling): Promise<void> {
  const lackedBy = (gap: Gap) => (isNew(gap) ? history.services : (gap.out_of_reach ?? '').split(SEPARATOR));
  const lacked = new Set(gaps.flatMap(lackedBy));
  const outOfReach = new Set<string>();
  let found = 0;
  for (const service of lacked) {
    const source = await history.open(service);
    if (source === undefined) outOfReach.add(service);
    else found += await fillFrom(store, service, source, signal);
    if (signal.aborted) return;
  }
  if (!gaps.some(isNew) && outOfReach.size === lacked.size) return;
  const filledAt = new Date(now()).toISOString();
  await store.transaction(async ({ sql }) => {
    for (const gap of gaps) {
      if (gap.kind === 'resumed') {
        await sql`DELETE FROM journal_gaps WHERE number = ${gap.number} AND kind = 'resumed'`; // nothing is known to be missing
        continue;
      }
      const left = lackedBy(gap).filter((service) => outOfReach.has(service));
      await sql`
        UPDATE journal_gaps SET filled_at = ${filledAt}, out_of_reach = ${left.join(SEPARATOR)}
        WHERE number = ${gap.number}`;
    }
  });
  if (found === 0 && gaps.every(({ kind }) => kind === 'resumed')) return;
  logger.info('journal: took from the stores what the log did not have', {
    events: found,
    outOfReach: [...outOfReach],
  });
}

function isNew({ filled_at: filledAt }: Gap): boolean {
  return filledAt === null;
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
  const taken = Number(row?.position ?? 0);
  // a store that does not reach there is another one: made anew, or restored
  const after = taken > (await source.head()) ? 0 : taken;
  let found = 0;
  for await (const page of readPages(source, { after, pageSize: PAGE, signal })) {
    const records = page.map(recordOfStored);
    const position = page.at(-1)?.position ?? 0;
    found += await store.transaction(async ({ sql }) => {
      await sql`
        INSERT INTO journal_sources (source, position) VALUES (${service}, ${position})
        ON CONFLICT (source) DO UPDATE SET position = excluded.position`;
      return insertRecords(sql, records);
    });
    failpoint('journal.filled');
  }
  return found;
}
