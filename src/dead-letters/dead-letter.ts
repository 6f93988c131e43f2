import type { MessageOrigin, MessageProperties } from '../broker/broker.js';
import type { Attempt } from '../broker/messages/headers.js';
import type { MessageKind } from '../events/definition.js';

/** `replaying`: sent, but not yet confirmed; replaying it again is safe. */
export const DEAD_LETTER_STATES = ['dead', 'replaying', 'replayed', 'discarded'] as const;
export type DeadLetterState = (typeof DEAD_LETTER_STATES)[number];

/** The facts of a dead letter about its message; null if the message does not contain them in a readable form. */
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
  /** How often it had been replayed when it was last dead-lettered. */
  replays: number;
}

/** A dead letter from the broker, with the unchanged body of the message. */
export interface DeadLetter extends DeadLetterFacts {
  attempts: readonly Attempt[];
  /** The signer of the message; null or undefined if the fleet has no key. */
  origin?: MessageOrigin | null;
  body: Uint8Array;
  properties: MessageProperties;
}

/** The state of a stored dead letter. */
export interface StoredState {
  state: DeadLetterState;
  /** RFC 3339, UTC. */
  keptAt: string;
  /** When the claim of a replay run expires, RFC 3339; null: not claimed. */
  claimedUntil: string | null;
  /** When and by which operator it was replayed or discarded. */
  settledAt: string | null;
  settledBy: string | null;
  /** Why it was discarded. */
  reason: string | null;
  /** The id of the event that an edit has replaced it with. */
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
  /** The idempotency key for external calls; null: the id of the new event. */
  key: string | null;
}

/** A dead letter with all stored fields. */
export interface StoredDeadLetter extends DeadLetter, StoredState {
  replacement: Replacement | null;
  /** Size of the whole body in bytes. `body` is an excerpt if the body was too large, and empty after its removal. */
  bodySize: number;
  /** Size of `body` in bytes. */
  keptBytes: number;
  /** Whether the body was removed after a discard to free the space. */
  isBodyRemoved: boolean;
  /** SHA-256 of the whole body, hexadecimal; null if an earlier release stored it. */
  bodyHash: string | null;
  /** The dead letter with the same id and different content. */
  conflictOf: string | null;
}
