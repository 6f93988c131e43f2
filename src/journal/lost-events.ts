import { FlotillaError } from '../errors.js';
import type { Sql, Store } from '../store/contract.js';

/** Events that the journal has and the store they came from lacks, as an older copy of it was restored. */
export interface LostEvents {
  service: string;
  count: number;
  /** Milliseconds since the epoch: the time of the first one and of the last one. */
  since: number;
  until: number;
}

/** The newest events of a service that are compared, and a page of those compared after one was missing. */
const PAGE = 500;
/** Events that are compared at most; the count of a greater loss is that of these. */
const MOST = 20_000;

/** The error by which the loss is reported, with what to do. */
export function lostEventsError({ service, count, since, until }: LostEvents): FlotillaError {
  const from = new Date(since).toISOString();
  return new FlotillaError(
    'store.behind',
    `${service}, ${count} events from ${from} to ${new Date(until).toISOString()}. Other services have acted on them. ` +
      `List them: flotilla events list --source ${service} --since ${from}; ` +
      `let a worker of that store handle again what it took then: flotilla replay --to <worker> --since ${from}`,
  );
}

/**
 * Compares the newest events of a service in the journal with its store. Finds a loss once: it is noted, so that only
 * events after it are compared from then on. Positions of the store begin again below those that were lost, so that what was
 * taken from it counts for nothing: the next gap is filled from its first event.
 */
export async function noteLostEvents(
  journal: Store,
  service: string,
  source: Pick<Store, 'event'>,
  now: number,
): Promise<LostEvents | undefined> {
  const [noted] = await journal.query<{ through: number | null }>`
    SELECT MAX(through_row) AS through FROM journal_losses WHERE source = ${service}`;
  const through = Number(noted?.through ?? 0);
  const missing: number[] = [];
  let newest = through;
  let before: Place = { time: Number.MAX_SAFE_INTEGER, row: Number.MAX_SAFE_INTEGER };
  for (let compared = 0; compared < MOST; compared += PAGE) {
    const page = await pageBefore(journal.query, service, before);
    const lost: number[] = [];
    for (const { id, row, time } of page) {
      if (row <= through) continue;
      newest = Math.max(newest, row);
      if ((await source.event(id)) === undefined) lost.push(time);
    }
    missing.push(...lost);
    const last = page.at(-1);
    if (lost.length === 0 || last === undefined) break;
    before = last;
  }
  if (missing.length === 0) return undefined;
  const found = { service, count: missing.length, since: missing.at(-1) ?? 0, until: missing[0] ?? 0 };
  await journal.transaction(async ({ sql }) => {
    await sql`
      INSERT INTO journal_losses (source, through_row, events, since, until, noticed_at)
      VALUES (${service}, ${newest}, ${found.count}, ${found.since}, ${found.until}, ${new Date(now).toISOString()})`;
    await sql`UPDATE journal_sources SET position = 0 WHERE source = ${service}`;
  });
  return found;
}

interface Place {
  time: number;
  row: number;
}

function pageBefore(sql: Sql, service: string, { time, row }: Place): Promise<(Place & { id: string })[]> {
  return sql<Place & { id: string }>`
    SELECT id, time, row_number AS row FROM journal_events
    WHERE source = ${service} AND time <= ${time} AND (time < ${time} OR row_number < ${row})
    ORDER BY time DESC, row_number DESC LIMIT ${PAGE}`;
}
