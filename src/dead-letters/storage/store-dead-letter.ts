import { createHash } from 'node:crypto';
import { MAX_BODY_BYTES } from '../../events/parse-envelope.js';
import { derivedId, newId } from '../../events/ids.js';
import type { Sql, Store, Tx } from '../../store/store.js';
import { appendLifecycleEvent } from '../lifecycle-events.js';
import { audit } from './audit.js';
import { contentDigest, contentDigestOfRow } from './content-digest.js';
import type { DeadLetter, DeadLetterState } from '../dead-letter.js';

/** The searchable part of a body. */
const SEARCHABLE_CHARACTERS = 16 * 1024;
/** The stored part of a body that exceeds MAX_BODY_BYTES. */
const EXCERPT_BYTES = 64 * 1024;

/** The result of storing a dead letter. `known`: a copy is already stored. `settled`: it was discarded, and stays
 *  discarded. `conflict`: another message has its id, so it is stored under a new id. */
export type StoreResult = 'new' | 'died again' | 'known' | 'settled' | 'conflict';

/** Stores a dead letter and appends its event. Stored content is never replaced: a message with the same id and a
 *  different body, key or worker is stored separately as a conflict. A dead letter that was replayed and dead-lettered
 *  again becomes dead again, with its latest attempts. One that is dead-lettered for another reason, without a replay,
 *  gets that reason: an event whose predecessors were missing may fail after they have arrived. One that was discarded
 *  stays discarded, and its audit records the return. `now` in milliseconds. */
export async function storeDeadLetter(store: Store, deadLetter: DeadLetter, now: number): Promise<StoreResult> {
  return store.transaction(async (tx) => {
    const content = contentDigest(deadLetter);
    const existing = await findRow(tx.sql, deadLetter.id);
    if (existing === undefined) return insert(tx, store.service, deadLetter, { content, now });
    if (contentDigestOfRow(existing) !== content) {
      const conflict = conflictWith(deadLetter, content);
      if ((await findRow(tx.sql, conflict.id)) !== undefined) return 'known';
      await insert(tx, store.service, conflict, { content, now, conflictOf: deadLetter.id });
      return 'conflict';
    }
    if (existing.state === 'discarded') return noteReturn(tx.sql, deadLetter, existing, now);
    if (!isNewDeath(existing, deadLetter)) return 'known';
    await tx.sql`
      UPDATE dead_letters SET code = ${deadLetter.code}, message = ${deadLetter.message},
        properties = ${JSON.stringify(deadLetter.properties)}, attempts = ${JSON.stringify(deadLetter.attempts)},
        attempt_count = ${deadLetter.attempts.length}, replays = ${deadLetter.replays}, dead_at = ${deadLetter.deadAt},
        kept_at = ${new Date(now).toISOString()}, origin = ${deadLetter.origin ?? null}, state = 'dead', claim = NULL,
        claimed_until = NULL, settled_at = NULL, settled_by = NULL, reason = NULL, replacement_id = NULL,
        replacement_body = NULL, replacement_key = NULL
      WHERE id = ${deadLetter.id}`;
    await appendDeath(tx, store.service, deadLetter, now);
    return 'died again';
  });
}

interface Row {
  state: DeadLetterState;
  code: string;
  dead_at: string;
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
    SELECT state, code, dead_at, replays, settled_at, content, worker, body, properties FROM dead_letters WHERE id = ${id}`;
  return row;
}

/** Whether the message was handled again since the stored death. */
function isNewDeath(existing: Row, { replays, code, deadAt }: DeadLetter): boolean {
  if (Number(existing.replays) < replays || isBefore(existing.settled_at, deadAt)) return true;
  return existing.state === 'dead' && existing.code !== code && existing.dead_at < deadAt;
}

async function insert(
  tx: Tx,
  service: string,
  deadLetter: DeadLetter,
  { content, now, conflictOf = null }: { content: string; now: number; conflictOf?: string | null },
): Promise<'new'> {
  const { body } = deadLetter;
  const kept = body.length > MAX_BODY_BYTES ? body.subarray(0, EXCERPT_BYTES) : body;
  const hash = createHash('sha256').update(body).digest('hex');
  await tx.sql`
    INSERT INTO dead_letters (id, worker, event_id, source, type, kind, subject, correlation_id, code, message, body,
      body_size, body_hash, content, origin, conflict_of, properties, attempts, attempt_count, replays, search, dead_at,
      kept_at, state)
    VALUES (${deadLetter.id}, ${deadLetter.worker}, ${deadLetter.eventId}, ${deadLetter.source}, ${deadLetter.type}, ${deadLetter.kind},
      ${deadLetter.subject}, ${deadLetter.correlationId}, ${deadLetter.code}, ${deadLetter.message}, ${kept}, ${body.length}, ${hash},
      ${content}, ${deadLetter.origin ?? null}, ${conflictOf}, ${JSON.stringify(deadLetter.properties)},
      ${JSON.stringify(deadLetter.attempts)}, ${deadLetter.attempts.length}, ${deadLetter.replays}, ${searchText(deadLetter)},
      ${deadLetter.deadAt}, ${new Date(now).toISOString()}, 'dead')`;
  await appendDeath(tx, service, { ...deadLetter, conflictOf }, now);
  return 'new';
}

async function appendDeath(
  tx: Tx,
  source: string,
  deadLetter: DeadLetter & { conflictOf?: string | null },
  now: number,
): Promise<void> {
  await appendLifecycleEvent(tx, { source, now, occasion: deadLetter.replays }, deadLetter, {
    type: 'message.dead_lettered',
  });
}

function conflictWith(deadLetter: DeadLetter, content: string): DeadLetter {
  return {
    ...deadLetter,
    id: derivedId(Date.parse(deadLetter.deadAt), 'conflict', deadLetter.id, content),
    code: 'dead_letter.conflict',
    message: `It has the id of dead letter ${deadLetter.id} and other content. ${deadLetter.code}: ${deadLetter.message}`,
  };
}

/** Records one return per discard, however often the message is sent. */
async function noteReturn(
  sql: Sql,
  deadLetter: DeadLetter,
  { settled_at: settledAt }: Row,
  now: number,
): Promise<'known' | 'settled'> {
  if (!isBefore(settledAt, deadLetter.deadAt)) return 'known';
  const entries = await sql`
    SELECT id FROM dead_letter_audit WHERE dead_letter_id = ${deadLetter.id} AND action = 'returned' AND at >= ${settledAt}`;
  if (entries.length > 0) return 'settled';
  const at = new Date(now).toISOString();
  const detail = 'the message was dead-lettered again after its discard; it stays discarded';
  await audit(sql, { id: newId(now), deadLetterId: deadLetter.id, at, who: 'keeper', action: 'returned', detail });
  return 'settled';
}

function isBefore(time: string | null, other: string): boolean {
  return time !== null && time < other;
}

/** The searchable text, in lower case, because SQL engines differ in case folding. */
function searchText({ body, id, eventId, subject, correlationId, message }: DeadLetter): string {
  const text = new TextDecoder().decode(body.subarray(0, SEARCHABLE_CHARACTERS));
  return [id, eventId, subject, correlationId, message, text].join('\n').toLowerCase().replaceAll('\u0000', ' ');
}
