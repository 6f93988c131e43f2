import { FlotillaError } from '../../errors.js';
import type { Migration, Sql, Store } from '../../store/store.js';
import { noCounts, type ReplayCounts, type ReplayProgress, type ReplayRequest, type StoredRun } from './replay-run.js';

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
  source: StoredRun['from'];
  request: string;
  who: string;
  state: StoredRun['state'];
  beat: number;
  started_at: string;
  ended_at: string | null;
  reset_at: string | null;
  end_place: string | null;
  place: string | null;
  mark: string | null;
  counts: string;
}

/** The claim of a process on a replay, which the process renews. */
export interface Heartbeat {
  holder: string;
  /** Milliseconds since the epoch. */
  now: number;
  /** Milliseconds after which a heartbeat expires. A heartbeat this far in the future has also expired, because the
   *  clock was set back. */
  timeout: number;
}

/** Creates the table of replays in `store`. Idempotent; await it before any other function of this module. */
export async function migrateReplays(store: Pick<Store, 'migrate'>): Promise<void> {
  await store.migrate('replays', migrations);
}

/** Stores a new replay. Throws `replay.refused` while another replay to the worker is running. */
export async function insertRun(store: Store, run: StoredRun, { holder, now, timeout }: Heartbeat): Promise<void> {
  const { selection, again, sideEffects, force, rate, limit } = run;
  const request = JSON.stringify({ selection, again, sideEffects, force, rate, limit });
  const counts = JSON.stringify(run.counts);
  await store.transaction(async ({ sql }) => {
    await refuseBesideAnother(sql, run, { now, timeout });
    await sql`
      INSERT INTO replays (id, worker, source, request, who, state, holder, beat, started_at, counts)
      VALUES (${run.id}, ${run.worker}, ${run.from}, ${request}, ${run.who}, 'running', ${holder}, ${now},
        ${run.startedAt}, ${counts})`;
  });
}

/** Takes over a replay that no process runs; returns false while one does. Throws `replay.refused` if the replay is
 *  done, and while another replay to the worker is running. */
export async function takeRun(store: Store, run: StoredRun, { holder, now, timeout }: Heartbeat): Promise<boolean> {
  return store.transaction(async ({ sql }) => {
    await refuseBesideAnother(sql, run, { now, timeout });
    const taken = await sql`
      UPDATE replays SET state = 'running', holder = ${holder}, beat = ${now}
      WHERE id = ${run.id} AND (state = 'interrupted' OR (state = 'running' AND NOT beat BETWEEN ${now - timeout} AND ${now + timeout}))
      RETURNING id`;
    if (taken.length > 0) return true;
    const [found] = await sql<Row>`SELECT state FROM replays WHERE id = ${run.id}`;
    if (found?.state === 'done') throw new FlotillaError('replay.refused', `${run.id} is done`);
    return false;
  });
}

async function refuseBesideAnother(
  sql: Sql,
  { id, worker }: StoredRun,
  { now, timeout }: Omit<Heartbeat, 'holder'>,
): Promise<void> {
  const [other] = await sql<{ id: string; who: string }>`
    SELECT id, who FROM replays
    WHERE worker = ${worker} AND state = 'running' AND beat BETWEEN ${now - timeout} AND ${now + timeout} AND id <> ${id}`;
  if (other === undefined) return;
  throw new FlotillaError(
    'replay.refused',
    `${other.who} is running ${other.id} to ${worker}; only one replay per worker at a time`,
  );
}

/** Renews the heartbeat of the holder; returns false if another process has taken over the replay. */
export async function beat(store: Store, id: string, { holder, now }: Omit<Heartbeat, 'timeout'>): Promise<boolean> {
  return store.transaction(async ({ sql }) => {
    const rows = await sql`
      UPDATE replays SET beat = ${now} WHERE id = ${id} AND holder = ${holder} AND state = 'running' RETURNING id`;
    return rows.length > 0;
  });
}

/** Stores the progress of the holder; returns false if another process has taken over the replay. */
export async function saveRun(
  store: Store,
  id: string,
  { holder, now }: Omit<Heartbeat, 'timeout'>,
  run: ReplayProgress & Pick<StoredRun, 'state' | 'end' | 'resetAt' | 'endedAt'>,
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

/** At most `limit` replays, newest first. A replay whose heartbeat has expired is interrupted. */
export async function listRuns(
  store: Pick<Store, 'query'>,
  { now, timeout }: Omit<Heartbeat, 'holder'>,
  limit = 100,
): Promise<{ items: StoredRun[]; total: number }> {
  const rows = await store.query<Row>`SELECT * FROM replays ORDER BY id DESC LIMIT ${limit}`;
  const [count] = await store.query<{ n: number }>`SELECT COUNT(*) AS n FROM replays`;
  return { items: rows.map((row) => runOf(row, { now, timeout })), total: Number(count?.n ?? 0) };
}

/** Resolves with the replay with this id or unique prefix. Throws `replay.not_found`. */
export async function findRun(
  store: Pick<Store, 'query'>,
  id: string,
  { now, timeout }: Omit<Heartbeat, 'holder'>,
): Promise<StoredRun> {
  const pattern = `${id.toLowerCase().replace(/[!%_]/g, '!$&')}%`;
  const [row, another] = await store.query<Row>`
    SELECT * FROM replays WHERE id LIKE ${pattern} ESCAPE '!' ORDER BY id LIMIT 2`;
  if (row === undefined || id === '') throw new FlotillaError('replay.not_found', JSON.stringify(id));
  if (another !== undefined && row.id !== id) {
    throw new FlotillaError('replay.not_found', `several ids begin with ${JSON.stringify(id)}; use a longer prefix`);
  }
  return runOf(row, { now, timeout });
}

function runOf(row: Row, { now, timeout }: Omit<Heartbeat, 'holder'>): StoredRun {
  const request = JSON.parse(row.request) as Omit<ReplayRequest, 'who'>;
  return {
    id: row.id,
    worker: row.worker,
    from: row.source,
    ...request,
    who: row.who,
    state: row.state === 'running' && Math.abs(now - Number(row.beat)) > timeout ? 'interrupted' : row.state,
    end: row.end_place,
    resetAt: row.reset_at,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    place: row.place,
    mark: row.mark,
    // a run of an earlier release lacks counts that were added or renamed later
    counts: { ...noCounts(), ...(JSON.parse(row.counts) as Partial<ReplayCounts>) },
  };
}
