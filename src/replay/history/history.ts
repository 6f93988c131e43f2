import type { MessageOrigin } from '../../broker/broker.js';
import type { EventEnvelope } from '../../events/envelope.js';

/** Selects the events to send; all given conditions must hold. */
export interface ReplaySelection {
  /** Types or topic patterns; at least one must match. */
  types?: readonly string[];
  subject?: string;
  correlationId?: string;
  /** RFC 3339, inclusive. */
  since?: string;
  /** RFC 3339, exclusive. */
  until?: string;
  /** Includes commands. Excluded by default, so that they are not executed again by accident. @default false */
  commands?: boolean;
}

export interface HistoryPlace {
  /** The place of an entry; reading can continue after it. */
  readonly place: string;
  /** The id of the entry: after a recreation of the stream or the journal, the place refers to another entry. */
  readonly mark: string;
}

/** A past event. */
export interface HistoryEntry extends HistoryPlace {
  readonly event: Pick<EventEnvelope, 'id' | 'type' | 'source' | 'subject'> & {
    correlationId: string;
    /** Milliseconds since the epoch. */
    time: number;
  };
  /** The event in structured mode: the published bytes, unless it was published in binary mode. */
  readonly body: Uint8Array;
  /** The signer; undefined if unknown. */
  readonly origin?: MessageOrigin | undefined;
}

/** A page of history. */
export interface HistoryPage extends HistoryPlace {
  /** The place of the page is the last one read, even if it contains no event. */
  readonly entries: readonly HistoryEntry[];
  /** The part of `History.size` that was read for this page. */
  readonly scanned: number;
  /** Messages skipped because they are not events, or not from the publisher of their source. */
  readonly unreadable: number;
}

export interface HistoryRange {
  /** Where to continue; null: at the beginning. */
  after: HistoryPlace | null;
  /** The result of `History.end`. */
  end: string;
  /** Narrows the range; the result may also contain other events. */
  filter: { types: readonly string[] } & Omit<ReplaySelection, 'types' | 'commands'>;
  signal: AbortSignal;
}

/** A source of past events. */
export interface History {
  readonly from: 'log' | 'journal';
  /** The current end of history; later events are excluded. Undefined if history is empty. Rejects with
   *  `log.unreachable` if it cannot be determined. */
  end(signal: AbortSignal): Promise<string | undefined>;
  /** Why history does not reach back to the beginning of the fleet; undefined if it does. */
  incomplete(): Promise<string | undefined>;
  /** Rejects with `replay.refused` if reading cannot continue after a place, because the following entries are gone. */
  verify(place: HistoryPlace): Promise<void>;
  /** The amount of history to read, for progress reports. */
  size(range: Omit<HistoryRange, 'signal'>): Promise<number>;
  /** Reads from a place to the end, in order, page by page. Also ends when the signal aborts. Rejects with
   *  `replay.refused` if entries were lost before they were read, and with `log.unreachable`. */
  read(range: HistoryRange): AsyncGenerator<HistoryPage, void, undefined>;
}
