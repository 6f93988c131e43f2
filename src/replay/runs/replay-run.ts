import type { History, HistoryPlace, ReplaySelection } from '../history/history.js';

/** How the worker allows handled events to be handled again: `idempotent` changes nothing, `reset` empties its tables first. */
export type Again = 'idempotent' | 'reset';

/** The request of an operator. */
export interface ReplayRequest {
  selection: ReplaySelection;
  /** Null: only events that the worker has not handled. */
  again: Again | null;
  /** Whether external side effects are repeated. */
  sideEffects: boolean;
  /** Also events that the inbox may have forgotten, and a reset with an incomplete history. */
  force: boolean;
  /** Events per second at most. */
  rate: number | null;
  /** Events in total at most. */
  limit: number | null;
  /** The operator, for the audit. */
  who: string;
}

export interface ReplayCounts {
  sent: number;
  /** `sent` by type. */
  byType: Record<string, number>;
  /** Commands, which were skipped. */
  commands: number;
  /** Events older than what the inbox remembers, which were refused. */
  tooOld: number;
  /** Messages that are not events, which were skipped. */
  unreadable: number;
}

/** The progress of a replay: everything up to the place is confirmed by the broker or not selected. */
export interface ReplayProgress {
  place: string | null;
  /** The id of the entry at the place. */
  mark: string | null;
  counts: ReplayCounts;
}

/** A stored replay. */
export interface ReplayRun extends ReplayRequest, ReplayProgress {
  id: string;
  worker: string;
  from: History['from'];
  state: 'running' | 'interrupted' | 'done';
  /** The end of history when the replay started; null: not determined yet. */
  end: string | null;
  /** RFC 3339: when the worker was reset. */
  resetAt: string | null;
  /** RFC 3339. */
  startedAt: string;
  endedAt: string | null;
}

export function noCounts(): ReplayCounts {
  return { sent: 0, byType: {}, commands: 0, tooOld: 0, unreadable: 0 };
}

/** The place that the replay has reached; null at its beginning. */
export function placeOf({ place, mark }: ReplayProgress): HistoryPlace | null {
  return place === null || mark === null ? null : { place, mark };
}
