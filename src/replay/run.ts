import type { History, HistoryPlace, ReplaySelection } from './history.js';

/** Handling again what was handled: `idempotent` changes nothing, `reset` begins anew. As the worker declares it. */
export type Again = 'idempotent' | 'reset';

/** What somebody asks for. */
export interface ReplayRequest {
  selection: ReplaySelection;
  /** Null: only what the worker has not handled. */
  again: Again | null;
  /** Whether the world outside shall hear of it once more. */
  sideEffects: boolean;
  /** Also what the inbox may have forgotten, and a reset by an incomplete history. */
  force: boolean;
  /** At most so many a second. */
  rate: number | null;
  /** At most so many in all. */
  limit: number | null;
  /** Who does it, for the audit. */
  who: string;
}

export interface ReplayCounts {
  sent: number;
  /** Of those sent. */
  byType: Record<string, number>;
  /** Commands, left out. */
  commands: number;
  /** Older than the inbox remembers, refused. */
  tooOld: number;
  /** No events, passed over. */
  unreadable: number;
}

/** How far a replay has come: all up to the place is confirmed by the broker, or not to be sent. */
export interface ReplayProgress {
  place: string | null;
  /** What lies there. */
  mark: string | null;
  counts: ReplayCounts;
}

/** One replay, as it is kept. */
export interface ReplayRun extends ReplayRequest, ReplayProgress {
  id: string;
  worker: string;
  from: History['from'];
  state: 'running' | 'interrupted' | 'done';
  /** Where history ended when it began; null: not looked at yet. */
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

/** Up to where it has come; null at its beginning. */
export function placeOf({ place, mark }: ReplayProgress): HistoryPlace | null {
  return place === null || mark === null ? null : { place, mark };
}
