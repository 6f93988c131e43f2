import { FlotillaError } from '../errors.js';
import type { EventEnvelope } from '../events/envelope.js';
import type { Migration, Sql } from '../store/contract.js';
import { sagaStory, type SagaEntry, type SagaStory } from './story.js';
import type { Saga } from './types.js';
import { sagaDefinitionOf } from './define.js';

/** The table in which a store keeps the entries of sagas that run elsewhere: for the `migrations` of the worker that
 *  stores them by `saveSagaEntry`. */
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

/** Keeps an event of a saga's stream (`saga.*`), without what the saga keeps of messages, and who told it
 *  what, as both may be personal. In any
 *  order; keeping one again changes nothing. Throws `contract.not_an_event` for one that no store has put into a
 *  stream. */
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

/** The story of a saga as far as its entries have come to this store; `not_begun` while none has. `now` in milliseconds
 *  since the epoch. */
export async function loadSagaStory(query: Sql, saga: Saga, sagaId: string, now: number): Promise<SagaStory> {
  const { name, steps } = sagaDefinitionOf(saga);
  const rows = await query<Row>`
    SELECT sequence, type, time, data FROM saga_entries WHERE saga = ${name} AND saga_id = ${sagaId} ORDER BY sequence`;
  const entries = rows.map(({ sequence, type, time, data }): SagaEntry => {
    return { sequence: Number(sequence), type, time, data: JSON.parse(data) };
  });
  return sagaStory(entries, { saga: name, sagaId, steps: steps.map((step) => step.name), now });
}
