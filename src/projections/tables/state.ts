import type { Migration, Sql } from '../../store/store.js';
import type { PoisonEvent } from '../poison.js';

/** The tables that describe the read models of a store. Generation numbers only increase. Of the generations of a
 *  projection, one is `live`, at most one is `building`, and `old` ones will be dropped. */
export const migrations: readonly Migration[] = [
  {
    name: '1-projections',
    sql: `
      CREATE TABLE flotilla_projections (
        name TEXT NOT NULL PRIMARY KEY,
        generation BIGINT NOT NULL,
        version BIGINT NOT NULL,
        last_generation BIGINT NOT NULL,
        status TEXT NOT NULL,
        held_by TEXT,
        held_until BIGINT,
        stop_position BIGINT,
        stop_event TEXT,
        stop_type TEXT,
        stop_code TEXT,
        stop_message TEXT,
        stopped_at TEXT
      );
      CREATE TABLE flotilla_projection_generations (
        projection TEXT NOT NULL,
        generation BIGINT NOT NULL,
        version BIGINT NOT NULL,
        role TEXT NOT NULL,
        tables TEXT NOT NULL,
        made_at TEXT NOT NULL,
        PRIMARY KEY (projection, generation)
      );
      CREATE TABLE flotilla_projection_skips (
        projection TEXT NOT NULL,
        event_id TEXT NOT NULL,
        position BIGINT NOT NULL,
        type TEXT NOT NULL,
        code TEXT NOT NULL,
        message TEXT NOT NULL,
        reason TEXT NOT NULL,
        who TEXT NOT NULL,
        at TEXT NOT NULL,
        PRIMARY KEY (projection, event_id)
      );
    `,
  },
];

/** An event at which a projection is stopped. */
export interface Stop extends PoisonEvent {
  /** RFC 3339, UTC. */
  at: string;
}

/** The stored state of a read model. */
export interface ModelState {
  name: string;
  /** The live generation. */
  generation: number;
  /** The version of the definition that built the live model. */
  version: number;
  /** `swapping`: frozen by a rebuild, at most until `frozenUntil` (milliseconds since the epoch). */
  status: 'running' | 'stopped' | 'swapping';
  frozenUntil: number;
  frozenBy: string | undefined;
  stop: Stop | undefined;
}

interface Row {
  name: string;
  generation: number;
  version: number;
  status: ModelState['status'];
  held_by: string | null;
  held_until: number | null;
  stop_position: number | null;
  stop_event: string | null;
  stop_type: string | null;
  stop_code: string | null;
  stop_message: string | null;
  stopped_at: string | null;
}

/** Returns undefined for a projection that was never prepared in this store. */
export async function readState(sql: Sql, name: string): Promise<ModelState | undefined> {
  const [row] = await sql<Row>`
    SELECT name, generation, version, status, held_by, held_until, stop_position, stop_event, stop_type, stop_code,
      stop_message, stopped_at
    FROM flotilla_projections WHERE name = ${name}`;
  return row && stateOf(row);
}

function stateOf(row: Row): ModelState {
  const stop = {
    position: Number(row.stop_position),
    eventId: row.stop_event ?? '',
    type: row.stop_type ?? '',
    code: row.stop_code ?? '',
    message: row.stop_message ?? '',
    at: row.stopped_at ?? '',
  };
  return {
    name: row.name,
    generation: Number(row.generation),
    version: Number(row.version),
    status: row.status,
    frozenBy: row.held_by ?? undefined,
    frozenUntil: Number(row.held_until ?? 0),
    stop: row.stop_position === null ? undefined : stop,
  };
}

/** Ends a stop or a freeze. */
export async function setRunning(sql: Sql, name: string): Promise<void> {
  await sql`
    UPDATE flotilla_projections
    SET status = 'running', held_by = NULL, held_until = NULL, stop_position = NULL, stop_event = NULL, stop_type = NULL,
      stop_code = NULL, stop_message = NULL, stopped_at = NULL
    WHERE name = ${name}`;
}

/** Stops the model at an event. */
export async function setStopped(sql: Sql, name: string, { position, eventId, type, code, message, at }: Stop) {
  await sql`
    UPDATE flotilla_projections
    SET status = 'stopped', held_by = NULL, held_until = NULL, stop_position = ${position}, stop_event = ${eventId},
      stop_type = ${type}, stop_code = ${code}, stop_message = ${message}, stopped_at = ${at}
    WHERE name = ${name}`;
}
