import { messageOf } from '../errors.js';
import { failpoint } from '../failpoints.js';
import type { LogAlarms } from '../event-log/consumers/log-alarms.js';
import type { Wakeup } from '../concurrency/wakeup.js';
import type { ServiceStores } from '../store/service-stores.js';
import type { LogBreak } from '../event-log/positions/position.js';
import type { Store, Tx } from '../store/store.js';
import { isStoreGone } from '../store/is-gone.js';
import { readPages } from '../store/read-pages.js';
import { type FaultLogs } from '../telemetry/fault-log.js';
import type { Logger } from '../telemetry/logger.js';
import { lostEventsError, noteLostEvents } from './lost-events.js';
import { insertRecords, recordOfStored } from './rows.js';

const PAGE_SIZE = 500;
/** Milliseconds between two attempts to reach unreachable stores. */
const POLL_INTERVAL_MS = 60_000;
/** Separates the names of unreachable stores in `out_of_reach`. */
const SEPARATOR = ', ';

/** Where entries may be missing: at a break of the stream; or after an interruption (`resumed`), because a killed
 *  broker may have lost its last confirmed entries and then reuse their offsets. */
type GapKind = LogBreak['kind'] | 'resumed';

/** Records that entries are missing, or may be, until they are recovered from the stores. */
export async function noteGap({ sql }: Tx, { kind }: { kind: GapKind }, now: number): Promise<void> {
  await sql`
    INSERT INTO journal_gaps (number, kind, noticed_at)
    SELECT COALESCE(MAX(number), 0) + 1, ${kind}, ${new Date(now).toISOString()} FROM journal_gaps`;
}

/** A gap that is not yet filled from every store. */
interface Gap {
  number: number;
  kind: GapKind;
  filled_at: string | null;
  out_of_reach: string | null;
}

export interface FillGapsOptions {
  stores: ServiceStores;
  /** Notified when a gap is recorded. */
  breaks: Pick<Wakeup, 'wait'>;
  alarms: Pick<LogAlarms, 'raiseStoreBehind'>;
  /** Logs stores that cannot be compared with the journal. */
  comparisons: FaultLogs;
  logger: Logger;
  signal: AbortSignal;
  /** Milliseconds since the epoch. */
  now: () => number;
}

/** Recovers lost entries from the stores of the services whenever a gap is recorded: reads every event of each store
 *  after the last one read, including those that the stream has. Retries unreachable stores periodically. Resumes after
 *  an interruption. Ends when the signal aborts. */
export async function fillGaps(journal: Store, options: FillGapsOptions): Promise<void> {
  while (!options.signal.aborted) {
    await reportLostEvents(journal, options);
    const gaps = await journal.query<Gap>`
      SELECT number, kind, filled_at, out_of_reach FROM journal_gaps WHERE filled_at IS NULL OR out_of_reach <> ''`;
    await fill(journal, gaps, options);
    if (!gaps.some(isNew)) await options.breaks.wait(POLL_INTERVAL_MS);
  }
}

/** Compares each reachable store with its events in the journal. A store that cannot be compared does not prevent gaps
 *  from being filled. */
async function reportLostEvents(
  journal: Store,
  { stores, alarms, comparisons, signal, now }: FillGapsOptions,
): Promise<void> {
  for (const service of stores.services) {
    if (signal.aborted) return;
    try {
      const source = await stores.open(service);
      if (source === undefined) continue;
      const lost = await noteLostEvents(journal, service, source, now());
      comparisons.of(service).recovered('journal: store compared again', { service });
      if (lost !== undefined) alarms.raiseStoreBehind(service, lost.count, lostEventsError(lost));
    } catch (error) {
      if (isStoreGone(error)) throw error;
      comparisons.of(service).failed('journal: store not compared', { service, error: messageOf(error) });
    }
  }
}

async function fill(
  journal: Store,
  gaps: readonly Gap[],
  { stores, logger, signal, now }: FillGapsOptions,
): Promise<void> {
  const missingFrom = (gap: Gap) => (isNew(gap) ? stores.services : (gap.out_of_reach ?? '').split(SEPARATOR));
  const services = new Set(gaps.flatMap(missingFrom));
  const unreachable = new Set<string>();
  let recovered = 0;
  for (const service of services) {
    const source = await stores.open(service);
    if (source === undefined) unreachable.add(service);
    else recovered += await fillFrom(journal, service, source, signal);
    if (signal.aborted) return;
  }
  if (!gaps.some(isNew) && unreachable.size === services.size) return;
  const filledAt = new Date(now()).toISOString();
  await journal.transaction(async ({ sql }) => {
    for (const gap of gaps) {
      if (gap.kind === 'resumed') {
        await sql`DELETE FROM journal_gaps WHERE number = ${gap.number} AND kind = 'resumed'`; // no entry is known to be lost
        continue;
      }
      const left = missingFrom(gap).filter((service) => unreachable.has(service));
      await sql`
        UPDATE journal_gaps SET filled_at = ${filledAt}, out_of_reach = ${left.join(SEPARATOR)}
        WHERE number = ${gap.number}`;
    }
  });
  if (recovered === 0 && gaps.every(({ kind }) => kind === 'resumed')) return;
  logger.info('journal: recovered lost entries from the stores', {
    events: recovered,
    unreachable: [...unreachable],
  });
}

function isNew({ filled_at: filledAt }: Gap): boolean {
  return filledAt === null;
}

/** Returns the number of events that the journal lacked. */
async function fillFrom(
  journal: Store,
  service: string,
  source: Pick<Store, 'readAll' | 'head'>,
  signal: AbortSignal,
): Promise<number> {
  const [row] = await journal.query<{ position: number }>`
    SELECT position FROM journal_sources WHERE source = ${service}`;
  const position = Number(row?.position ?? 0);
  // a lower head means that the store was recreated or restored
  const after = position > (await source.head()) ? 0 : position;
  let recovered = 0;
  for await (const page of readPages(source, { after, pageSize: PAGE_SIZE, signal })) {
    const records = page.map(recordOfStored);
    const position = page.at(-1)?.position ?? 0;
    recovered += await journal.transaction(async ({ sql }) => {
      await sql`
        INSERT INTO journal_sources (source, position) VALUES (${service}, ${position})
        ON CONFLICT (source) DO UPDATE SET position = excluded.position`;
      return insertRecords(sql, records);
    });
    failpoint('journal.filled');
  }
  return recovered;
}
