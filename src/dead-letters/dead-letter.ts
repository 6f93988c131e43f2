import type { MessageOrigin, MessageProperties } from '../broker/contract.js';
import type { Attempt } from '../broker/headers.js';
import type { MessageKind } from '../events/definition.js';

/** `replaying`: sent, or about to be, and not known to have arrived; replaying it again is safe. */
export const DEAD_LETTER_STATES = ['dead', 'replaying', 'replayed', 'discarded'] as const;
export type DeadLetterState = (typeof DEAD_LETTER_STATES)[number];

/** What a dead letter is about. Null: the message didn't say, or not in a way that can be read. */
export interface DeadLetterFacts {
  /** UUID; the same for every copy of it. */
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
  /** How often it had been sent again before it died this time. */
  replays: number;
}

/** A dead letter as it came from the broker, with the message to the byte. */
export interface DeadLetter extends DeadLetterFacts {
  attempts: readonly Attempt[];
  /** Whose message it is; null or undefined where the fleet has no key. */
  origin?: MessageOrigin | null;
  body: Uint8Array;
  properties: MessageProperties;
}

/** What became of a dead letter that is kept. */
export interface Keeping {
  state: DeadLetterState;
  /** RFC 3339, UTC. */
  keptAt: string;
  /** Until when a run that replays it has claimed it, RFC 3339; null: none has. */
  claimedUntil: string | null;
  /** When and by whom it was replayed or discarded. */
  settledAt: string | null;
  settledBy: string | null;
  /** Why it was discarded. */
  reason: string | null;
  /** The event that was sent in its place, where it was edited. */
  replacementId: string | null;
}

/** A line of the list of dead letters. */
export interface DeadLetterSummary extends DeadLetterFacts, Keeping {
  attemptCount: number;
}

/** What takes a dead letter's place once it was edited. */
export interface Replacement {
  id: string;
  /** The whole event, JSON. */
  body: string;
  /** The idempotency key for the world outside; null: the new event's own id. */
  key: string | null;
}

/** A dead letter with everything that is known about it. */
export interface KeptDeadLetter extends DeadLetter, Keeping {
  replacement: Replacement | null;
  /** Bytes of the whole body, of which `body` is an excerpt where it was too large; nothing once it was removed. */
  bodySize: number;
  /** Bytes of `body`. */
  keptBytes: number;
  /** It was discarded, and its body removed to free the space. */
  isBodyRemoved: boolean;
  /** SHA-256 of the whole body, hexadecimal; null for one that an earlier release has kept. */
  bodyHash: string | null;
  /** The dead letter whose id this message had, with other content. */
  conflictOf: string | null;
}
