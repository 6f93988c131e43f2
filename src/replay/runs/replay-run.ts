import type { HistoryPlace, ReplaySelection } from '../history/history.js';

/** How the worker supports handling events again: `idempotent` changes nothing, `reset` empties its tables first. */
export type Again = 'idempotent' | 'reset';

/** The request of an operator. */
export interface ReplayRequest {
  selection: ReplaySelection;
  /** Null: only events that the worker has not handled. */
  again: Again | null;
  /** Whether external side effects are repeated. */
  sideEffects: boolean;
  /** Also allows events that the inbox may have forgotten, and a reset with an incomplete history. */
  force: boolean;
  /** Maximum number of events per second. */
  rate: number | null;
  /** Maximum number of events in total. */
  limit: number | null;
  /** The operator, for the audit. */
  who: string;
}

export interface ReplayCounts {
  sent: number;
  /** `sent` by type. */
  byType: Record<string, number>;
  skippedCommands: number;
  /** Refused events, older than the inbox remembers. */
  tooOld: number;
  /** Skipped messages that are not events. */
  unreadable: number;
}

/** The progress of a replay: every entry up to the place is confirmed by the broker or not selected. */
export interface ReplayProgress {
  place: string | null;
  /** The id of the entry at the place. */
  mark: string | null;
  counts: ReplayCounts;
}

/** A replay and its result so far. */
export interface ReplayRun extends ReplayRequest {
  id: string;
  worker: string;
  from: 'log' | 'journal';
  state: 'running' | 'interrupted' | 'done';
  counts: ReplayCounts;
  /** When the worker was reset: RFC 3339. */
  resetAt: string | null;
  /** RFC 3339. */
  startedAt: string;
  endedAt: string | null;
}

/** A replay in the table of replays. */
export interface StoredRun extends ReplayRun, ReplayProgress {
  /** The end of history when the replay started; null: not yet determined. */
  end: string | null;
}

/** Receive the progress of a replay. */
export interface ReplayCallbacks {
  /** Called with the id when this process has started or resumed the replay. */
  onStart?: (id: string) => void;
  /** Called with the amount of history read, the amount to read, and the number of events sent. */
  onProgress?: (scanned: number, size: number, sent: number) => void;
  /** Called when sending pauses because the worker's queue is full. */
  onThrottle?: (depth: { ready: number; consumers: number }) => void;
}

export function noCounts(): ReplayCounts {
  return { sent: 0, byType: {}, skippedCommands: 0, tooOld: 0, unreadable: 0 };
}

/** The place that the replay has reached; null at its beginning. */
export function placeOf({ place, mark }: ReplayProgress): HistoryPlace | null {
  return place === null || mark === null ? null : { place, mark };
}
