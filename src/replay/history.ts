import type { MessageOrigin } from '../broker/contract.js';
import type { EventEnvelope } from '../events/envelope.js';

/** What is asked of an event to be sent; all that is named must hold. */
export interface ReplaySelection {
  /** Types or topic patterns, any of which may match. */
  types?: readonly string[];
  subject?: string;
  correlationId?: string;
  /** RFC 3339, inclusive. */
  since?: string;
  /** RFC 3339, exclusive. */
  until?: string;
  /** Commands too: they ask for something, which the past must not do again by accident. @default false */
  commands?: boolean;
}

export interface HistoryPlace {
  /** Where something stands; what a reading can go on after. */
  readonly place: string;
  /** What lies there, by its id: a place alone may come to mean something else. */
  readonly mark: string;
}

/** An event of the past. */
export interface HistoryEntry extends HistoryPlace {
  readonly event: Pick<EventEnvelope, 'id' | 'type' | 'source' | 'subject'> & {
    correlationId: string;
    /** Milliseconds since the epoch. */
    time: number;
  };
  /** The event in structured mode: as it was published, byte for byte, unless that was in binary mode. */
  readonly body: Uint8Array;
  /** Whose event it is; undefined where that is not known. */
  readonly origin?: MessageOrigin | undefined;
}

/** A piece of history. */
export interface HistoryPage extends HistoryPlace {
  /** Its place is the last that was looked at, whether or not there is an event. */
  readonly entries: readonly HistoryEntry[];
  /** How much of `History.size` this was. */
  readonly looked: number;
  /** What is no event, or does not come from its publisher, and was passed over. */
  readonly unreadable: number;
}

export interface HistoryRange {
  /** The place after which to begin; null: the beginning. */
  after: HistoryPlace | null;
  /** What `History.end` gave. */
  end: string;
  /** Types of the catalogue, and what else makes reading shorter. May give more than asked for. */
  filter: { types: readonly string[] } & Omit<ReplaySelection, 'types' | 'commands'>;
  signal: AbortSignal;
}

/** Where the past is read from. */
export interface History {
  readonly from: 'log' | 'journal';
  /** Where the past ends now: what happens later is no part of it. Undefined where there is none. Rejects with
   *  `log.unreachable` when that cannot be told. */
  end(signal: AbortSignal): Promise<string | undefined>;
  /** Why this does not reach back to the beginning of the fleet; undefined where it does. */
  incomplete(): Promise<string | undefined>;
  /** Rejects with `replay.refused` when reading cannot go on after a place, because what followed is there no more. */
  verify(place: HistoryPlace): Promise<void>;
  /** How much there is to look through, for showing progress. */
  size(range: Omit<HistoryRange, 'signal'>): Promise<number>;
  /** Reads on from a place to the end, a page at a time, in order. Ends also when the signal aborts. Rejects with
   *  `replay.refused` when something was lost before it was read, and with `log.unreachable`. */
  read(range: HistoryRange): AsyncGenerator<HistoryPage, void, undefined>;
}
