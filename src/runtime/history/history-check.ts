import type { HistoryTally } from '../../contracts/history-tally.js';
import { messageOf } from '../../errors.js';
import type { Definitions } from '../../events/definitions.js';

/** A part of history that could not be read. */
export interface UnreadPlace {
  place: string;
  reason: string;
}

/** A check of history in progress. */
export interface HistoryCheck {
  readonly definitions: Definitions;
  readonly tally: HistoryTally;
  readonly unread: UnreadPlace[];
  readonly signal: AbortSignal;
}

/** Reads a place, and notes it as unread if that fails. Rejects only if the check was aborted. */
export async function readPlace(place: string, check: HistoryCheck, read: () => Promise<void>): Promise<void> {
  try {
    await read();
  } catch (error) {
    check.unread.push({ place, reason: messageOf(error) });
  }
  check.signal.throwIfAborted();
}
