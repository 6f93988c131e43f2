import { createHash } from 'node:crypto';
import { MAX_BODY_BYTES } from '../events/parse-envelope.js';
import { derivedId, newId } from '../events/ids.js';
import type { Sql, Store, Tx } from '../store/contract.js';
import { announce } from './announce.js';
import { audit } from './audit.js';
import { contentOf, contentOfRow } from './content.js';
import type { DeadLetter, DeadLetterState } from './dead-letter.js';

/** How much of a body can be searched, in characters. */
const SEARCHED = 16 * 1024;
/** What is kept of a body that is larger than any worker takes. */
const EXCERPT_BYTES = 64 * 1024;

/** What became of a dead letter that came from the broker. `known`: another copy of it is kept. `settled`: it was discarded, and
 *  stays so. `conflict`: its id is that of another message, so it is kept under an id of its own. */
export type Kept = 'new' | 'died again' | 'known' | 'settled' | 'conflict';

/**
 * Commits a dead letter and the event that says so. What is kept is never replaced by other content: a message with its id
 * and another body, key or worker is kept apart as a conflict. One that was replayed and has died again is dead again, with
 * its latest attempts. One that was discarded stays discarded; that it came again is in its audit. `now` in milliseconds.
 */
export async function keepDeadLetter(store: Store, letter: DeadLetter, now: number): Promise<Kept> {
  return store.transaction(async (tx) => {
    const content = contentOf(letter);
    const existing = await findRow(tx.sql, letter.id);
    if (existing === undefined) return insert(tx, store.service, letter, { content, now });
    if (contentOfRow(existing) !== content) {
      const conflict = conflictWith(letter, content);
      if ((await findRow(tx.sql, conflict.id)) !== undefined) return 'known';
      await insert(tx, store.service, conflict, { content, now, conflictOf: letter.id });
      return 'conflict';
    }
    if (existing.state === 'discarded') return noteReturn(tx.sql, letter, existing, now);
    const isNewDeath = Number(existing.replays) < letter.replays || isBefore(existing.settled_at, letter.deadAt);
    if (!isNewDeath) return 'known';
    await tx.sql`
      UPDATE dead_letters SET code = ${letter.code}, message = ${letter.message},
        properties = ${JSON.stringify(letter.properties)}, attempts = ${JSON.stringify(letter.attempts)},
        attempt_count = ${letter.attempts.length}, replays = ${letter.replays}, dead_at = ${letter.deadAt},
        kept_at = ${new Date(now).toISOString()}, origin = ${letter.origin ?? null}, state = 'dead', claim = NULL,
        claimed_until = NULL, settled_at = NULL, settled_by = NULL, reason = NULL, replacement_id = NULL,
        replacement_body = NULL, replacement_key = NULL
      WHERE id = ${letter.id}`;
    await announceDeath(tx, store.service, letter, now);
    return 'died again';
  });
}

interface Row {
  state: DeadLetterState;
  replays: number;
  settled_at: string | null;
  /** Null in a row of an earlier release. */
  content: string | null;
  worker: string;
  body: Uint8Array;
  properties: string;
}

async function findRow(sql: Sql, id: string): Promise<Row | undefined> {
  const [row] = await sql<Row>`
    SELECT state, replays, settled_at, content, worker, body, properties FROM dead_letters WHERE id = ${id}`;
  return row;
}

async function insert(
  tx: Tx,
  service: string,
  letter: DeadLetter,
  { content, now, conflictOf = null }: { content: string; now: number; conflictOf?: string | null },
): Promise<'new'> {
  const { body } = letter;
  const kept = body.length > MAX_BODY_BYTES ? body.subarray(0, EXCERPT_BYTES) : body;
  const hash = createHash('sha256').update(body).digest('hex');
  await tx.sql`
    INSERT INTO dead_letters (id, worker, event_id, source, type, kind, subject, correlation_id, code, message, body,
      body_size, body_hash, content, origin, conflict_of, properties, attempts, attempt_count, replays, search, dead_at,
      kept_at, state)
    VALUES (${letter.id}, ${letter.worker}, ${letter.eventId}, ${letter.source}, ${letter.type}, ${letter.kind},
      ${letter.subject}, ${letter.correlationId}, ${letter.code}, ${letter.message}, ${kept}, ${body.length}, ${hash},
      ${content}, ${letter.origin ?? null}, ${conflictOf}, ${JSON.stringify(letter.properties)},
      ${JSON.stringify(letter.attempts)}, ${letter.attempts.length}, ${letter.replays}, ${searchText(letter)},
      ${letter.deadAt}, ${new Date(now).toISOString()}, 'dead')`;
  await announceDeath(tx, service, { ...letter, conflictOf }, now);
  return 'new';
}

async function announceDeath(
  tx: Tx,
  source: string,
  letter: DeadLetter & { conflictOf?: string | null },
  now: number,
): Promise<void> {
  await announce(tx, { source, now, occasion: letter.replays }, letter, { type: 'message.dead_lettered' });
}

function conflictWith(letter: DeadLetter, content: string): DeadLetter {
  return {
    ...letter,
    id: derivedId(Date.parse(letter.deadAt), 'conflict', letter.id, content),
    code: 'dead_letter.conflict',
    message: `It has the id of dead letter ${letter.id}, and other content. ${letter.code}: ${letter.message}`,
  };
}

/** Once for each discard, so that a message that is sent again and again leaves one entry. */
async function noteReturn(
  sql: Sql,
  letter: DeadLetter,
  { settled_at: settledAt }: Row,
  now: number,
): Promise<'known' | 'settled'> {
  if (!isBefore(settledAt, letter.deadAt)) return 'known';
  const entries = await sql`
    SELECT id FROM dead_letter_audit WHERE dead_letter_id = ${letter.id} AND action = 'returned' AND at >= ${settledAt}`;
  if (entries.length > 0) return 'settled';
  const at = new Date(now).toISOString();
  const detail = 'the same message died again after it was discarded; it stays discarded';
  await audit(sql, { id: newId(now), deadLetterId: letter.id, at, who: 'keeper', action: 'returned', detail });
  return 'settled';
}

function isBefore(time: string | null, other: string): boolean {
  return time !== null && time < other;
}

/** What a search looks through, in lower case: SQL engines disagree about case. */
function searchText({ body, id, eventId, subject, correlationId, message }: DeadLetter): string {
  const text = new TextDecoder().decode(body.subarray(0, SEARCHED));
  return [id, eventId, subject, correlationId, message, text].join('\n').toLowerCase().replaceAll('\u0000', ' ');
}
