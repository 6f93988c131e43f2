import { FlotillaError } from '../errors.js';
import type { Migration, Sql, Store } from '../store/contract.js';
import type { ReplayCounts, ReplayProgress, ReplayRequest, ReplayRun } from './run.js';

const migrations: readonly Migration[] = [
  {
    name: '1-replays',
    sql: `
      CREATE TABLE replays (
        id TEXT NOT NULL PRIMARY KEY,
        worker TEXT NOT NULL,
        source TEXT NOT NULL,
        request TEXT NOT NULL,
        who TEXT NOT NULL,
        state TEXT NOT NULL,
        holder TEXT NOT NULL,
        beat BIGINT NOT NULL,
        started_at TEXT NOT NULL,
        ended_at TEXT,
        reset_at TEXT,
        end_place TEXT,
        place TEXT,
        mark TEXT,
        counts TEXT NOT NULL
      );
      CREATE INDEX replays_by_worker ON replays (worker, state);
    `,
  },
];

interface Row {
  id: string;
  worker: string;
  source: ReplayRun['from'];
  request: string;
  who: string;
  state: ReplayRun['state'];
  beat: number;
  started_at: string;
  ended_at: string | null;
  reset_at: string | null;
  end_place: string | null;
  place: string | null;
  mark: string | null;
  counts: string;
}

/** By which a process says that a replay is its own, and alive. */
export interface Hold {
  holder: string;
  /** Milliseconds since the epoch. */
  now: number;
  /** Milliseconds without a beat after which a process counts as dead; so does one whose beat is as far in the future, as
   *  the clock has been set back since. */
  live: number;
}

/** Makes the table of replays in `store`. Idempotent; to be awaited before anything else of this room. */
export async function migrateReplays(store: Pick<Store, 'migrate'>): Promise<void> {
  await store.migrate('replays', migrations);
}

/** Keeps a new replay. Throws `replay.refused` while another one of the worker is running. */
export async function insertRun(store: Store, run: ReplayRun, { holder, now, live }: Hold): Promise<void> {
  const { selection, again, sideEffects, force, rate, limit } = run;
  const request = JSON.stringify({ selection, again, sideEffects, force, rate, limit });
  const counts = JSON.stringify(run.counts);
  await store.transaction(async ({ sql }) => {
    await refuseBesideAnother(sql, run, { now, live });
    await sql`
      INSERT INTO replays (id, worker, source, request, who, state, holder, beat, started_at, counts)
      VALUES (${run.id}, ${run.worker}, ${run.from}, ${request}, ${run.who}, 'running', ${holder}, ${now},
        ${run.startedAt}, ${counts})`;
  });
}

/** Takes over a replay that nobody runs; false while somebody does. Throws `replay.refused` for one that is done, and
 *  while another one of the worker is running. */
export async function takeRun(store: Store, run: ReplayRun, { holder, now, live }: Hold): Promise<boolean> {
  return store.transaction(async ({ sql }) => {
    await refuseBesideAnother(sql, run, { now, live });
    const taken = await sql`
      UPDATE replays SET state = 'running', holder = ${holder}, beat = ${now}
      WHERE id = ${run.id} AND (state = 'interrupted' OR (state = 'running' AND NOT beat BETWEEN ${now - live} AND ${now + live}))
      RETURNING id`;
    if (taken.length > 0) return true;
    const [found] = await sql<Row>`SELECT state FROM replays WHERE id = ${run.id}`;
    if (found?.state === 'done') throw new FlotillaError('replay.refused', `${run.id} is done`);
    return false;
  });
}

async function refuseBesideAnother(
  sql: Sql,
  { id, worker }: ReplayRun,
  { now, live }: Omit<Hold, 'holder'>,
): Promise<void> {
  const [other] = await sql<{ id: string; who: string }>`
    SELECT id, who FROM replays
    WHERE worker = ${worker} AND state = 'running' AND beat BETWEEN ${now - live} AND ${now + live} AND id <> ${id}`;
  if (other === undefined) return;
  throw new FlotillaError('replay.refused', `${other.who} runs ${other.id} to ${worker} right now; one at a time`);
}

/** Says that the holder is alive. False when the replay is somebody else's now. */
export async function beat(store: Store, id: string, { holder, now }: Omit<Hold, 'live'>): Promise<boolean> {
  return store.transaction(async ({ sql }) => {
    const rows = await sql`
      UPDATE replays SET beat = ${now} WHERE id = ${id} AND holder = ${holder} AND state = 'running' RETURNING id`;
    return rows.length > 0;
  });
}

/** Keeps how far the holder has come. False when the replay is somebody else's now. */
export async function saveRun(
  store: Store,
  id: string,
  { holder, now }: Omit<Hold, 'live'>,
  run: ReplayProgress & Pick<ReplayRun, 'state' | 'end' | 'resetAt' | 'endedAt'>,
): Promise<boolean> {
  const counts = JSON.stringify(run.counts);
  return store.transaction(async ({ sql }) => {
    const rows = await sql`
      UPDATE replays SET beat = ${now}, state = ${run.state}, place = ${run.place}, mark = ${run.mark},
        counts = ${counts}, end_place = ${run.end}, reset_at = ${run.resetAt}, ended_at = ${run.endedAt}
      WHERE id = ${id} AND holder = ${holder} AND state = 'running' RETURNING id`;
    return rows.length > 0;
  });
}

/** The replays, the latest first, at most `limit`. One whose process is dead counts as interrupted. */
export async function listRuns(
  store: Pick<Store, 'query'>,
  { now, live }: Omit<Hold, 'holder'>,
  limit = 100,
): Promise<{ items: ReplayRun[]; total: number }> {
  const rows = await store.query<Row>`SELECT * FROM replays ORDER BY id DESC LIMIT ${limit}`;
  const [count] = await store.query<{ n: number }>`SELECT COUNT(*) AS n FROM replays`;
  return { items: rows.map((row) => runOf(row, { now, live })), total: Number(count?.n ?? 0) };
}

/** The replay with this id, or the only one whose id begins so. Throws `replay.not_found`. */
export async function findRun(
  store: Pick<Store, 'query'>,
  id: string,
  { now, live }: Omit<Hold, 'holder'>,
): Promise<ReplayRun> {
  const pattern = `${id.toLowerCase().replace(/[!%_]/g, '!$&')}%`;
  const [row, another] = await store.query<Row>`
    SELECT * FROM replays WHERE id LIKE ${pattern} ESCAPE '!' ORDER BY id LIMIT 2`;
  if (row === undefined || id === '') throw new FlotillaError('replay.not_found', JSON.stringify(id));
  if (another !== undefined && row.id !== id) {
    throw new FlotillaError('replay.not_found', `several begin with ${JSON.stringify(id)}; give more of it`);
  }
  return runOf(row, { now, live });
}

function runOf(row: Row, { now, live }: Omit<Hold, 'holder'>): ReplayRun {
  const request = JSON.parse(row.request) as Omit<ReplayRequest, 'who'>;
  return {
    id: row.id,
    worker: row.worker,
    from: row.source,
    ...request,
    who: row.who,
    state: row.state === 'running' && Math.abs(now - Number(row.beat)) > live ? 'interrupted' : row.state,
    end: row.end_place,
    resetAt: row.reset_at,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    place: row.place,
    mark: row.mark,
    counts: JSON.parse(row.counts) as ReplayCounts,
  };
}
