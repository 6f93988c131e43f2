import type { MessageOrigin, MessageProperties } from '../broker/broker.js';
import type { Attempt } from '../broker/messages/headers.js';
import type { MessageKind } from '../events/definition.js';

/** `replaying`: being sent, without a confirm so far; replaying it again is safe. */
export const DEAD_LETTER_STATES = ['dead', 'replaying', 'replayed', 'discarded'] as const;
export type DeadLetterState = (typeof DEAD_LETTER_STATES)[number];

/** What a dead letter says about its message. Null where the message does not contain it in a readable form. */
export interface DeadLetterFacts {
  /** UUID; the same for every copy of the dead letter. */
  id: string;
  worker: string;
  eventId: string | null;
  source: string | null;
  type: string | null;
  kind: MessageKind | null;
  subject: string | null;
  correlationId: string | null;
  code: string;
  message: string;
  /** RFC 3339, UTC. */
  deadAt: string;
  /** How often it was replayed before it was last dead-lettered. */
  replays: number;
}

/** A dead letter from the broker, with the message byte for byte. */
export interface DeadLetter extends DeadLetterFacts {
  attempts: readonly Attempt[];
  /** Who signed the message; null or undefined where the fleet has no key. */
  origin?: MessageOrigin | null;
  body: Uint8Array;
  properties: MessageProperties;
}

/** The state of a stored dead letter. */
export interface StoredState {
  state: DeadLetterState;
  /** RFC 3339, UTC. */
  keptAt: string;
  /** The end of the claim of a run that replays it, RFC 3339; null: not claimed. */
  claimedUntil: string | null;
  /** When and by which operator it was replayed or discarded. */
  settledAt: string | null;
  settledBy: string | null;
  /** Why it was discarded. */
  reason: string | null;
  /** The event that an edit has replaced it with. */
  replacementId: string | null;
}

/** An item of the list of dead letters. */
export interface DeadLetterSummary extends DeadLetterFacts, StoredState {
  attemptCount: number;
}

/** The event that replaces an edited dead letter. */
export interface Replacement {
  id: string;
  /** The whole event, JSON. */
  body: string;
  /** The idempotency key for external calls; null: the new event's own id. */
  key: string | null;
}

/** A dead letter with all stored fields. */
export interface StoredDeadLetter extends DeadLetter, StoredState {
  replacement: Replacement | null;
  /** Bytes of the whole body. `body` is an excerpt where it was too large, and empty once it was removed. */
  bodySize: number;
  /** Bytes of `body`. */
  keptBytes: number;
  /** Whether the body was removed after a discard to free the space. */
  isBodyRemoved: boolean;
  /** SHA-256 of the whole body, hexadecimal; null where an earlier release stored it. */
  bodyHash: string | null;
  /** The dead letter that has the same id and other content. */
  conflictOf: string | null;
}
