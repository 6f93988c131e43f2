import type { Migration, Sql } from '../store/store.js';
import type { SagaState, SagaStatus } from './decision/state.js';

/** The saga table: one row for each saga of a store, next to its stream, for listing sagas by status. */
export const sagaMigrations: readonly Migration[] = [
  {
    name: '1-sagas',
    sql: `
      CREATE TABLE sagas (
        saga TEXT NOT NULL,
        saga_id TEXT NOT NULL,
        status TEXT NOT NULL,
        step TEXT,
        direction TEXT,
        attempt INTEGER,
        due_at TEXT,
        timer TEXT,
        reason TEXT NOT NULL,
        started_at TEXT NOT NULL,
        updated_at TEXT NOT NULL,
        PRIMARY KEY (saga, saga_id)
      );
      CREATE INDEX sagas_by_status ON sagas (status, updated_at, saga);
    `,
  },
];

/** Times are RFC 3339. */
export interface SagaRow {
  saga: string;
  sagaId: string;
  status: Exclude<SagaStatus, 'none'>;
  /** The step that the saga waits for, or failed to compensate; null if there is none. */
  step: string | null;
  direction: 'forward' | 'back' | null;
  attempt: number | null;
  dueAt: string | null;
  timer: 'timeout' | 'retry' | null;
  reason: string;
  startedAt: string;
  updatedAt: string;
}

/** Writes the row of a saga; none if it has not started. `now` in milliseconds since the epoch. */
export async function saveSagaRow(
  sql: Sql,
  saga: string,
  sagaId: string,
  state: SagaState,
  now: number,
): Promise<void> {
  const { status, waiting, failedStep, reason } = state;
  if (status === 'none') return;
  const at = new Date(now).toISOString();
  const step = waiting?.step ?? failedStep ?? null;
  const direction = waiting?.direction ?? (failedStep === undefined ? null : 'back');
  await sql`
    INSERT INTO sagas (saga, saga_id, status, step, direction, attempt, due_at, timer, reason, started_at, updated_at)
    VALUES (${saga}, ${sagaId}, ${status}, ${step}, ${direction}, ${waiting?.attempt ?? null}, ${waiting?.at ?? null},
      ${waiting?.timer ?? null}, ${reason}, ${at}, ${at})
    ON CONFLICT (saga, saga_id) DO UPDATE SET status = excluded.status, step = excluded.step,
      direction = excluded.direction, attempt = excluded.attempt, due_at = excluded.due_at, timer = excluded.timer,
      reason = excluded.reason, updated_at = excluded.updated_at`;
}
