import type { MessageOrigin } from '../../broker/broker.js';
import type { EventEnvelope } from '../../events/envelope.js';

/** Which events are sent; all given conditions must hold. */
export interface ReplaySelection {
  /** Types or topic patterns, any of which may match. */
  types?: readonly string[];
  subject?: string;
  correlationId?: string;
  /** RFC 3339, inclusive. */
  since?: string;
  /** RFC 3339, exclusive. */
  until?: string;
  /** Includes commands, which must not be carried out again by accident. @default false */
  commands?: boolean;
}

export interface HistoryPlace {
  /** Where an entry is; reading can continue after it. */
  readonly place: string;
  /** The id of the entry: after a recreation of the stream or the journal, the place denotes another entry. */
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
  /** Who signed it; undefined where unknown. */
  readonly origin?: MessageOrigin | undefined;
}

/** A page of history. */
export interface HistoryPage extends HistoryPlace {
  /** The page's place is the last one that was read, whether or not it holds an event. */
  readonly entries: readonly HistoryEntry[];
  /** How much of `History.size` this was. */
  readonly scanned: number;
  /** Messages skipped as they are not events, or not from the publisher of their source. */
  readonly unreadable: number;
}

export interface HistoryRange {
  /** Where to continue; null: at the beginning. */
  after: HistoryPlace | null;
  /** The result of `History.end`. */
  end: string;
  /** Narrows the reading; the result may contain other events as well. */
  filter: { types: readonly string[] } & Omit<ReplaySelection, 'types' | 'commands'>;
  signal: AbortSignal;
}

/** A source of past events. */
export interface History {
  readonly from: 'log' | 'journal';
  /** The current end of history; later events are excluded. Undefined where history is empty. Rejects with `log.unreachable`
   *  when it cannot be determined. */
  end(signal: AbortSignal): Promise<string | undefined>;
  /** Why history does not reach back to the beginning of the fleet; undefined where it does. */
  incomplete(): Promise<string | undefined>;
  /** Rejects with `replay.refused` when reading cannot continue after a place, because the entries after it are gone. */
  verify(place: HistoryPlace): Promise<void>;
  /** The amount of history to read, for progress reports. */
  size(range: Omit<HistoryRange, 'signal'>): Promise<number>;
  /** Reads from a place to the end, in order, page by page. Ends also when the signal aborts. Rejects with `replay.refused` when
   *  entries were lost before they were read, and with `log.unreachable`. */
  read(range: HistoryRange): AsyncGenerator<HistoryPage, void, undefined>;
}
