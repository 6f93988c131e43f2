import { FlotillaError } from '../../errors.js';
import type { Sql, Store } from '../../store/store.js';
import type { PoisonEvent } from '../poison.js';
import { readState, setRunning } from './state.js';

/** An event that a projection skips by an operator's decision, and the reason. */
export interface Skip extends PoisonEvent {
  projection: string;
  reason: string;
  who: string;
  /** RFC 3339, UTC. */
  at: string;
}

/** Lets a stopped projection continue without the event at which it is stopped, and records the operator and the
 *  reason. The event is retried once, and again in every rebuild, and passed over if it still fails. Throws
 *  `projection.not_stopped`, also if the projection is stopped at another event than `eventId`. */
export async function skipEvent(
  store: Store,
  projection: string,
  { reason, who, eventId, now }: { reason: string; who: string; eventId?: string | undefined; now: () => number },
): Promise<Skip> {
  const at = new Date(now()).toISOString();
  return store.transaction(async ({ sql }) => {
    const { stop } = (await readState(sql, projection)) ?? {};
    if (stop === undefined) throw new FlotillaError('projection.not_stopped', projection);
    if (eventId !== undefined && eventId !== stop.eventId) {
      throw new FlotillaError(
        'projection.not_stopped',
        `${projection} is stopped at ${stop.eventId}, not at ${eventId}`,
      );
    }
    const { position, type, code, message } = stop;
    await sql`
      INSERT INTO flotilla_projection_skips (projection, event_id, position, type, code, message, reason, who, at)
      VALUES (${projection}, ${stop.eventId}, ${position}, ${type}, ${code}, ${message}, ${reason}, ${who}, ${at})
      ON CONFLICT (projection, event_id) DO UPDATE
      SET code = excluded.code, message = excluded.message, reason = excluded.reason, who = excluded.who,
        at = excluded.at`;
    await setRunning(sql, projection);
    return { projection, eventId: stop.eventId, position, type, code, message, reason, who, at };
  });
}

export async function isSkipped(sql: Sql, projection: string, eventId: string): Promise<boolean> {
  const rows = await sql`
    SELECT 1 AS found FROM flotilla_projection_skips WHERE projection = ${projection} AND event_id = ${eventId}`;
  return rows.length > 0;
}

/** The skipped events of a projection, oldest first. */
export async function skipsOf(sql: Sql, projection: string): Promise<Skip[]> {
  const rows = await sql<Skip>`
    SELECT projection, event_id AS "eventId", position, type, code, message, reason, who, at
    FROM flotilla_projection_skips WHERE projection = ${projection} ORDER BY position`;
  return rows.map((row) => ({ ...row, position: Number(row.position) }));
}
