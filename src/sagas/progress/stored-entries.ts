import { FlotillaError } from '../../errors.js';
import type { EventEnvelope } from '../../events/envelope.js';
import type { Migration, Sql } from '../../store/store.js';
import { sagaProgress, type SagaEntry, type SagaProgress } from './progress.js';
import type { Saga } from '../definition/types.js';
import { sagaDefinitionOf } from '../definition/define-saga.js';

/** Creates the table for copies of the events of sagas that run in another store. Add it to the `migrations` of the
 *  worker that calls `saveSagaEntry`. */
export const sagaEntryMigrations: readonly Migration[] = [
  {
    name: 'saga entries',
    sql: `
      CREATE TABLE saga_entries (
        saga TEXT NOT NULL,
        saga_id TEXT NOT NULL,
        sequence BIGINT NOT NULL,
        type TEXT NOT NULL,
        time TEXT NOT NULL,
        data TEXT NOT NULL,
        PRIMARY KEY (saga, saga_id, sequence)
      );
    `,
  },
];

/** Stores a copy of an event of a saga's stream (`saga.*`) without personal data: no message data and no names of
 *  operators. Events may arrive in any order; storing one again changes nothing. Throws `contract.not_an_event` for an
 *  event that belongs to no stream. */
export async function saveSagaEntry(sql: Sql, event: EventEnvelope): Promise<void> {
  const { saga, sagaId } = event.data as { saga: string; sagaId: string };
  if (event.sequence === undefined) throw new FlotillaError('contract.not_an_event', `${event.type} has no sequence`);
  const { input: _input, result: _result, who: _who, ...rest } = event.data as Record<string, unknown>;
  await sql`
    INSERT INTO saga_entries (saga, saga_id, sequence, type, time, data)
    VALUES (${saga}, ${sagaId}, ${Number(event.sequence)}, ${event.type}, ${event.time}, ${JSON.stringify(rest)})
    ON CONFLICT DO NOTHING`;
}

interface Row {
  sequence: number | bigint;
  type: string;
  time: string;
  data: string;
}

/** Returns the progress of a saga, derived from its stored entries; `not_started` if there are none. `now` in
 *  milliseconds since the epoch. */
export async function loadSagaProgress(query: Sql, saga: Saga, sagaId: string, now: number): Promise<SagaProgress> {
  const { name, steps } = sagaDefinitionOf(saga);
  const rows = await query<Row>`
    SELECT sequence, type, time, data FROM saga_entries WHERE saga = ${name} AND saga_id = ${sagaId} ORDER BY sequence`;
  const entries = rows.map(({ sequence, type, time, data }): SagaEntry => {
    return { sequence: Number(sequence), type, time, data: JSON.parse(data) };
  });
  return sagaProgress(entries, { saga: name, sagaId, steps: steps.map((step) => step.name), now });
}
