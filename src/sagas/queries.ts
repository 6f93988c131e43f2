import type { Sql } from '../store/store.js';
import type { SagaRow } from './saga-table.js';

export type RowStatus = SagaRow['status'];

export const sagaStatuses = [
  'started',
  'compensating',
  'failed',
  'completed',
  'compensated',
] as const satisfies readonly RowStatus[];

/** The statuses of sagas that have not ended. */
export const openStatuses = ['started', 'compensating', 'failed'] as const satisfies readonly RowStatus[];

/** Selects sagas; all conditions must hold. */
export interface SagaFilter {
  saga?: string | undefined;
  statuses: readonly RowStatus[];
  /** The step that the saga waits for, or failed to compensate. */
  step?: string | undefined;
  /** RFC 3339: its timer was due before this time. */
  dueBefore?: string | undefined;
}

/** Lists at most `limit` sagas of a store, most recently updated first, and the total number of matches. */
export async function listSagas(
  query: Sql,
  { statuses, ...filter }: SagaFilter,
  limit: number,
): Promise<{ items: SagaRow[]; total: number }> {
  const [saga, step, dueBefore] = [filter.saga ?? null, filter.step ?? null, filter.dueBefore ?? null];
  const items: SagaRow[] = [];
  let total = 0;
  // one query per status, to use the index
  for (const status of statuses) {
    const rows = await query<ListedRow>`
      SELECT * FROM sagas
      WHERE status = ${status}
        AND (CAST(${saga} AS TEXT) IS NULL OR saga = ${saga})
        AND (CAST(${step} AS TEXT) IS NULL OR step = ${step})
        AND (CAST(${dueBefore} AS TEXT) IS NULL OR due_at < ${dueBefore})
      ORDER BY updated_at DESC LIMIT ${limit}`;
    const [count] = await query<{ n: number | bigint }>`
      SELECT COUNT(*) AS n FROM sagas
      WHERE status = ${status}
        AND (CAST(${saga} AS TEXT) IS NULL OR saga = ${saga})
        AND (CAST(${step} AS TEXT) IS NULL OR step = ${step})
        AND (CAST(${dueBefore} AS TEXT) IS NULL OR due_at < ${dueBefore})`;
    items.push(...rows.map(rowOf));
    total += Number(count?.n ?? 0);
  }
  return { items: latestFirst(items).slice(0, limit), total };
}

/** Sorts by time of update, latest first. */
export function latestFirst<Row extends Pick<SagaRow, 'updatedAt' | 'sagaId'>>(rows: readonly Row[]): Row[] {
  const key = ({ updatedAt, sagaId }: Row) => `${updatedAt} ${sagaId}`;
  return [...rows].sort((a, b) => (key(a) < key(b) ? 1 : -1));
}

/** At most `limit` sagas of a name whose ids have this prefix, an exact match first. */
export async function findSagas(query: Sql, saga: string, prefix: string, limit: number): Promise<SagaRow[]> {
  const rows = await query<ListedRow>`
    SELECT * FROM sagas
    WHERE saga = ${saga} AND saga_id >= ${prefix} AND saga_id < ${`${prefix}\u{10ffff}`}
    ORDER BY saga_id LIMIT ${limit}`;
  return rows.map(rowOf);
}

export interface SagaCount {
  saga: string;
  status: RowStatus;
  count: number;
}

/** How many sagas of a store have not ended, by name and status. */
export async function countOpenSagas(query: Sql): Promise<SagaCount[]> {
  const rows = await query<SagaCount>`
    SELECT saga, status, COUNT(*) AS count FROM sagas
    WHERE status IN ('started', 'compensating', 'failed') GROUP BY saga, status`;
  return rows.map((row) => ({ ...row, count: Number(row.count) }));
}

/** How many sagas of a store have a timer that was due before this time, by name. */
export async function countOverdueSagas(query: Sql, dueBefore: string): Promise<Map<string, number>> {
  const rows = await query<{ saga: string; count: number | bigint }>`
    SELECT saga, COUNT(*) AS count FROM sagas
    WHERE status IN ('started', 'compensating') AND due_at < ${dueBefore} GROUP BY saga`;
  return new Map(rows.map(({ saga, count }) => [saga, Number(count)]));
}

/** How many sagas a store has, by status. */
export async function countSagas(query: Sql): Promise<Map<RowStatus, number>> {
  const rows = await query<{ status: RowStatus; count: number | bigint }>`
    SELECT status, COUNT(*) AS count FROM sagas GROUP BY status`;
  return new Map(rows.map(({ status, count }) => [status, Number(count)]));
}

interface ListedRow {
  saga: string;
  saga_id: string;
  status: RowStatus;
  step: string | null;
  direction: SagaRow['direction'];
  attempt: number | bigint | null;
  due_at: string | null;
  timer: SagaRow['timer'];
  reason: string;
  started_at: string;
  updated_at: string;
}

function rowOf(row: ListedRow): SagaRow {
  const { saga, status, step, direction, timer, reason } = row;
  return {
    saga,
    sagaId: row.saga_id,
    status,
    step,
    direction,
    attempt: row.attempt === null ? null : Number(row.attempt),
    dueAt: row.due_at,
    timer,
    reason,
    startedAt: row.started_at,
    updatedAt: row.updated_at,
  };
}
