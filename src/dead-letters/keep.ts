import type { Store } from '../store/contract.js';
import { announce } from './announce.js';
import type { DeadLetter } from './dead-letter.js';

/** How much of a body can be searched, in characters. */
const SEARCHED = 16 * 1024;

/** Commits a dead letter and the event that says so. False, and nothing is done, when it is kept already. One that
 *  died again under the same id, after it had been replayed or discarded, is dead again: a message without an id of
 *  its own is known by its content only. `now` in milliseconds. */
export async function keepDeadLetter(store: Store, letter: DeadLetter, now: number): Promise<boolean> {
  const keptAt = new Date(now).toISOString();
  const properties = JSON.stringify(letter.properties);
  const attempts = JSON.stringify(letter.attempts);
  const search = searchText(letter);
  return store.transaction(async (tx) => {
    const kept = await tx.sql`
      INSERT INTO dead_letters (id, worker, event_id, source, type, kind, subject, correlation_id, code, message, body,
        properties, attempts, attempt_count, replays, search, dead_at, kept_at, state)
      VALUES (${letter.id}, ${letter.worker}, ${letter.eventId}, ${letter.source}, ${letter.type}, ${letter.kind},
        ${letter.subject}, ${letter.correlationId}, ${letter.code}, ${letter.message}, ${letter.body}, ${properties},
        ${attempts}, ${letter.attempts.length}, ${letter.replays}, ${search}, ${letter.deadAt}, ${keptAt}, 'dead')
      ON CONFLICT (id) DO UPDATE SET code = excluded.code, message = excluded.message, body = excluded.body,
        properties = excluded.properties, attempts = excluded.attempts, attempt_count = excluded.attempt_count,
        replays = excluded.replays, search = excluded.search, dead_at = excluded.dead_at, kept_at = excluded.kept_at,
        state = 'dead', claim = NULL, claimed_until = NULL, settled_at = NULL, settled_by = NULL, reason = NULL, replacement_id = NULL,
        replacement_body = NULL, replacement_key = NULL
      WHERE dead_letters.replays < excluded.replays OR dead_letters.settled_at < excluded.dead_at
      RETURNING id`;
    if (kept.length === 0) return false;
    const occasion = { source: store.service, now, occasion: letter.replays };
    await announce(tx, occasion, letter, { type: 'message.dead_lettered' });
    return true;
  });
}

/** What a search looks through, in lower case: SQL engines disagree about case. */
function searchText({ body, id, eventId, subject, correlationId, message }: DeadLetter): string {
  const text = new TextDecoder().decode(body.subarray(0, SEARCHED));
  return [id, eventId, subject, correlationId, message, text].join('\n').toLowerCase().replaceAll('\u0000', ' ');
}
