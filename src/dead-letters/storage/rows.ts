import type { MessageOrigin, MessageProperties } from '../../broker/broker.js';
import type { Attempt } from '../../broker/messages/headers.js';
import type { MessageKind } from '../../events/definition.js';
import type {
  DeadLetterFacts,
  DeadLetterState,
  DeadLetterSummary,
  StoredState,
  StoredDeadLetter,
} from '../dead-letter.js';

/** A row of `dead_letters` without its large columns. */
export interface SummaryRow {
  id: string;
  worker: string;
  event_id: string | null;
  source: string | null;
  type: string | null;
  kind: MessageKind | null;
  subject: string | null;
  correlation_id: string | null;
  code: string;
  message: string;
  attempt_count: number;
  replays: number;
  dead_at: string;
  kept_at: string;
  state: DeadLetterState;
  claimed_until: string | null;
  settled_at: string | null;
  settled_by: string | null;
  reason: string | null;
  replacement_id: string | null;
}

/** A row of `dead_letters`. */
export interface StoredRow extends SummaryRow {
  body: Uint8Array;
  properties: string;
  attempts: string;
  replacement_body: string | null;
  replacement_key: string | null;
  body_size: number | null;
  body_removed: number | null;
  body_hash: string | null;
  content: string | null;
  origin: MessageOrigin | null;
  conflict_of: string | null;
}

export function summaryOf(row: SummaryRow): DeadLetterSummary {
  return { ...factsOf(row), ...stateOf(row), attemptCount: Number(row.attempt_count) };
}

export function storedOf(row: StoredRow): StoredDeadLetter {
  const { replacement_id: id, replacement_body: body, replacement_key: key } = row;
  return {
    ...factsOf(row),
    ...stateOf(row),
    attempts: JSON.parse(row.attempts) as Attempt[],
    body: row.body,
    properties: JSON.parse(row.properties) as MessageProperties,
    bodySize: Number(row.body_size ?? row.body.length),
    keptBytes: row.body.length,
    isBodyRemoved: row.body_removed !== null,
    bodyHash: row.body_hash,
    origin: row.origin ?? null,
    conflictOf: row.conflict_of,
    replacement: id === null || body === null ? null : { id, body, key },
  };
}

function factsOf(row: SummaryRow): DeadLetterFacts {
  return {
    id: row.id,
    worker: row.worker,
    eventId: row.event_id,
    source: row.source,
    type: row.type,
    kind: row.kind,
    subject: row.subject,
    correlationId: row.correlation_id,
    code: row.code,
    message: row.message,
    deadAt: row.dead_at,
    replays: Number(row.replays),
  };
}

function stateOf(row: SummaryRow): StoredState {
  return {
    state: row.state,
    keptAt: row.kept_at,
    claimedUntil: row.claimed_until,
    settledAt: row.settled_at,
    settledBy: row.settled_by,
    reason: row.reason,
    replacementId: row.replacement_id,
  };
}
