import { FlotillaError } from '../errors.js';
import type { Sql, Store } from '../store/store.js';

/** Events that the journal has and their store lacks, because an older copy of the store was restored. */
export interface LostEvents {
  service: string;
  count: number;
  /** The times of the first and the last lost event, in milliseconds since the epoch. */
  since: number;
  until: number;
}

/** Number of events compared first, and again while one of them is missing, starting with the newest. */
const PAGE_SIZE = 500;
/** Maximum number of compared events; a greater loss is counted up to this limit. */
const MAX_COMPARED = 20_000;

/** The error that reports the loss and the remedy. */
export function lostEventsError({ service, count, since, until }: LostEvents): FlotillaError {
  const from = new Date(since).toISOString();
  return new FlotillaError(
    'store.behind',
    `${service}, ${count} events from ${from} to ${new Date(until).toISOString()}. Other services have handled them. ` +
      `List them: flotilla events list --source ${service} --since ${from}; ` +
      `replay to a worker of that store what it handled then: flotilla replay --to <worker> --since ${from}`,
  );
}

/** Compares the newest events of a service in the journal with its store. Each loss is reported once: it is recorded,
 *  and from then on only later events are compared. The store reuses the positions of the lost events, so the position
 *  read from it is reset: the next gap is filled from its first event. */
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
  for (let compared = 0; compared < MAX_COMPARED; compared += PAGE_SIZE) {
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
    ORDER BY time DESC, row_number DESC LIMIT ${PAGE_SIZE}`;
}
